"""Copies a job's artifact into this server's files: streamed, and visible only once complete."""

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
    """Returns the new file; a directory is copied as a zip. Raises ServiceError with the service's message."""
    name = path.rstrip("/").rpartition("/")[2]
    if not re.fullmatch(r"j[0-9a-z]{12}", job):
        raise ServiceError(422, "This is not a valid job ID.", "job")
    if not name or name in (".", ".."):
        raise ServiceError(422, "Specify an artifact to copy.", "path")
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
                raise ServiceError(503, f"Cannot reach the Outrider service ({answer.error}).")
            if answer.code != 200:
                raise ServiceError(answer.code, fetched.message() or "Could not read the artifact.")
        Path(partial).chmod(PERMISSIONS)
        return _named(Path(partial), folder, f"{name}.zip" if fetched.zipped and not name.endswith(".zip") else name)
    finally:
        Path(partial).unlink(missing_ok=True)


class _Fetched:
    """Writes a response body to the file as it arrives; keeps an error's body aside."""

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
    """Renames the partial file, with a number appended if the name is taken. Never overwrites a file."""
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
    raise ServiceError(409, f"Too many files named {name} already exist.", "folder")
