"""An artifact of a job as a file of this server: copied as a stream, and only seen once it is whole."""

from __future__ import annotations

import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .service import Service, ServiceError

LONGEST_COPY_S = 3600
PERMISSIONS = 0o644


async def copy(service: Service, job: str, path: str, folder: Path) -> Path:
    """The new file; a directory comes as a zip. Raises ServiceError with the service's words when it refuses."""
    name = path.rstrip("/").rpartition("/")[2]
    if not re.fullmatch(r"j[0-9a-z]{12}", job):
        raise ServiceError(422, "This is no job's id.", "job")
    if not name or name in (".", ".."):
        raise ServiceError(422, "Say which artifact to copy.", "path")
    descriptor, partial = tempfile.mkstemp(prefix=".outrider-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            fetched = _Fetched(file)
            answer = await service.send(
                "GET",
                f"/jobs/{job}/artifacts/{quote(path)}",
                on_header=fetched.header,
                on_chunk=fetched.chunk,
                timeout_s=LONGEST_COPY_S,
            )
            if answer.code == 599:
                raise ServiceError(503, f"The Outrider service does not answer ({answer.error}).")
            if answer.code != 200:
                raise ServiceError(answer.code, fetched.message() or "The artifact cannot be read.")
        Path(partial).chmod(PERMISSIONS)
        return _named(Path(partial), folder, f"{name}.zip" if fetched.zipped and not name.endswith(".zip") else name)
    finally:
        Path(partial).unlink(missing_ok=True)


class _Fetched:
    """Takes the answer as it comes: into the file, or aside when it is a refusal."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._status = 0
        self._said = b""
        self.zipped = False

    def header(self, line: str) -> None:
        if line.startswith("HTTP/"):
            self._status = int(line.split()[1])
        elif line.lower().startswith("content-type:"):
            self.zipped = "application/zip" in line.lower()

    def chunk(self, data: bytes) -> None:
        if self._status == 200:
            self._file.write(data)
        else:
            self._said = (self._said + data)[:4096]

    def message(self) -> str:
        try:
            return str(json.loads(self._said)["message"])
        except (ValueError, KeyError, TypeError):
            return ""


def _named(partial: Path, folder: Path, name: str) -> Path:
    """Gives the file its name, or the first one with a number that nothing has. Never replaces anything."""
    stem, dot, ending = name.rpartition(".")
    for number in range(1000):
        target = folder / (
            name if number == 0 else f"{stem or ending} ({number}){dot if stem else ''}{ending if stem else ''}"
        )
        try:
            os.link(partial, target)
        except FileExistsError:
            continue
        return target
    raise ServiceError(409, f"There are too many files of the name {name} already.", "folder")
