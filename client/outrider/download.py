"""Downloads one file: streamed next to its target, resumed when the connection breaks, then renamed.

The target is always the old file or the complete new one.
"""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Callable, Optional

import httpx

from .errors import OutriderError, ServerError, Unreachable
from .transport import Params, Transport, pause

Progress = Callable[[int, Optional[int]], None]
"""Called with the bytes so far and the total, if known."""

TRIES = 8
"""Consecutive failed connections without any data before giving up."""


def to_file(
    transport: Transport,
    path: str,
    target: Path,
    *,
    params: Params = None,
    progress: Progress | None = None,
) -> Path:
    """Download ``path`` to ``target``, whose directory is created if needed."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise OutriderError(f"{target} is a directory here and a file on the platform.")
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as out:
                to_stream(transport, path, out, params=params, progress=progress)
            part.chmod(0o666 & ~_umask())
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutriderError(f"{target} cannot be written: {error.strerror or error}") from error
    return target


def to_stream(
    transport: Transport,
    path: str,
    out: BinaryIO,
    *,
    params: Params = None,
    progress: Progress | None = None,
) -> int:
    """Download ``path`` into an open file; returns the bytes written. A pipe works too, unless the file changes while a
    download has to be resumed."""
    done, failures = 0, 0
    validator: str | None = None
    while True:
        before = done
        try:
            headers = {"Accept-Encoding": "identity"}
            if done and validator:
                headers.update({"Range": f"bytes={done}-", "If-Range": validator})
            with transport.stream(path, params=params, headers=headers, also=frozenset({416})) as answer:
                if answer.status_code == 416:
                    return done  # everything had arrived before the connection broke
                if done and not _continues(answer, done):
                    _start_again(out)
                    done = before = 0
                validator = _validator(answer)
                total = _total(answer, done)
                for chunk in answer.iter_raw():
                    out.write(chunk)
                    done += len(chunk)
                    if progress:
                        progress(done, total)
            if total is not None and done < total:
                raise httpx.ReadError("it ended early")
            return done
        except (httpx.HTTPError, Unreachable, ServerError) as error:
            failures = 1 if done > before else failures + 1
            if failures >= TRIES or (isinstance(error, ServerError) and failures > 2):
                raise error if isinstance(error, OutriderError) else transport.unreachable(error) from error
            time.sleep(pause(failures))


def _validator(answer: httpx.Response) -> str | None:
    """The file's strong ETag, which identifies its version; None for a weak one."""
    tag = answer.headers.get("etag", "")
    return tag if tag.startswith('"') else answer.headers.get("last-modified") or None


def _continues(answer: httpx.Response, done: int) -> bool:
    found = re.match(r"bytes (\d+)-", answer.headers.get("content-range", ""))
    return answer.status_code == 206 and found is not None and int(found[1]) == done


def _total(answer: httpx.Response, done: int) -> int | None:
    length = answer.headers.get("content-length", "")
    return done + int(length) if length.isdigit() else None


def _start_again(out: BinaryIO) -> None:
    if not out.seekable():
        raise OutriderError("The file changed during the download; start again.")
    out.seek(0)
    out.truncate()


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def file_chunks(file: Path, size: int, progress: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """The first ``size`` bytes of a file, for an upload that announced that many: the file may be growing."""
    sent = 0
    with file.open("rb") as source:
        while sent < size:
            chunk = source.read(min(1 << 18, size - sent))
            if not chunk:
                raise OutriderError(f"{file} was truncated while it was being sent; try again.")
            yield chunk
            sent += len(chunk)
            if progress:
                progress(sent)
