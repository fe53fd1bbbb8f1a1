"""Unpacking a zip that somebody else made: only plain files, directories and links, only inside the given
directory.

Links are made last, so that no file is ever written through one, and each must lead to somewhere inside.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import List, Set, Tuple

MOST_ENTRIES = 200_000
_MOST_DIRECTORY = 64 << 20  # bytes of the archive's table of contents, which is read as a whole
_CHUNK = 1 << 18


class ArchiveError(Exception):
    """Its text is a sentence for the user."""


def extract(source: Path, target: Path, limit: int) -> Tuple[int, int]:
    """Unpack; how many files, and how many bytes."""
    try:
        if directory_size(source) > _MOST_DIRECTORY:
            raise ArchiveError(f"The archive has more than {MOST_ENTRIES} entries.")
        with zipfile.ZipFile(str(source)) as archive:
            return _extract(archive, target, limit)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, struct.error) as error:
        raise ArchiveError(f"The archive is damaged or no zip: {error}.") from error
    except (NotImplementedError, RuntimeError) as error:  # encryption, or a method that this Python lacks
        raise ArchiveError(f"The archive cannot be unpacked: {error}.") from error


def _extract(archive: zipfile.ZipFile, target: Path, limit: int) -> Tuple[int, int]:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ArchiveError(f"The archive has {len(entries)} entries, above the limit of {MOST_ENTRIES}.")
    if sum(entry.file_size for entry in entries) > limit:
        raise ArchiveError(f"Unpacked, the archive takes more than the limit of {limit >> 20} MiB.")
    links: List[zipfile.ZipInfo] = []
    seen: Set[str] = set()
    files = size = 0
    for entry in entries:
        name = _safe_name(entry)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if name in seen and not entry.is_dir():
            raise ArchiveError(f"The archive has {entry.filename!r} twice.")
        seen.add(name)
        path = target / name
        if kind == stat.S_IFLNK:
            links.append(entry)
        elif entry.is_dir() or kind == stat.S_IFDIR:
            path.mkdir(parents=True, exist_ok=True)
        elif kind in (0, stat.S_IFREG):
            path.parent.mkdir(parents=True, exist_ok=True)
            size += _write(archive, entry, path, limit - size, limit)
            files += 1
        else:
            raise ArchiveError(f"The archive has {entry.filename!r}, which is neither file, directory nor link.")
    for entry in links:
        _link(archive, entry, target)
    # Only now: a link that is harmless alone may lead outside by way of another one.
    root = os.path.realpath(str(target))
    for entry in links:
        path = target / _safe_name(entry)
        if not (os.path.realpath(str(path)) + "/").startswith(root + "/"):
            path.unlink()
            raise ArchiveError(f"The link {entry.filename!r} leads outside of the workspace.")
    return files + len(links), size


def _safe_name(entry: zipfile.ZipInfo) -> str:
    name = entry.filename
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or "\0" in name or not name.strip("/."):
        if name.strip("/") in ("", ".") and not name.startswith("/"):
            return "."
        raise ArchiveError(f"The archive has {name!r}, which would lie outside of the workspace.")
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int, limit: int) -> int:
    written = 0
    mode = (entry.external_attr >> 16) & 0o777 or 0o644
    fd = os.open(str(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode | 0o600)
    with os.fdopen(fd, "wb") as out, archive.open(entry) as data:
        while True:
            chunk = data.read(_CHUNK)
            if not chunk:
                break
            written += len(chunk)
            if written > left:  # whatever the table of contents says
                raise ArchiveError(f"Unpacked, the archive takes more than the limit of {limit >> 20} MiB.")
            out.write(chunk)
    return written


def _link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    if entry.file_size > 4096:
        raise ArchiveError(f"The link {entry.filename!r} is too long.")
    name = _safe_name(entry)
    to = os.fsdecode(archive.read(entry))
    inside = os.path.normpath(os.path.join(os.path.dirname(name), to))  # noqa: PTH118, PTH120
    if to.startswith("/") or inside == ".." or inside.startswith("../") or "\0" in to or not to:
        raise ArchiveError(f"The link {entry.filename!r} leads outside of the workspace.")
    path = target / name
    root = os.path.realpath(str(target))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not (os.path.realpath(str(path.parent)) + "/").startswith(root + "/"):
        raise ArchiveError(f"{entry.filename!r} would lie outside of the workspace.")
    path.symlink_to(to)


def directory_size(source: Path) -> int:
    """How large the table of contents is, before it is read: millions of entries would fill the memory."""
    with source.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        start = max(0, end - (1 << 16) - 22 - 20)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) < at + 22:
            return 0  # zipfile will say that this is no archive
        size = int(struct.unpack_from("<L", tail, at + 12)[0])
        locator = at - 20
        if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
            file.seek(struct.unpack_from("<Q", tail, locator + 8)[0])
            record = file.read(56)
            if len(record) == 56 and record[:4] == b"PK\x06\x06":
                size = max(size if size != 0xFFFFFFFF else 0, int(struct.unpack_from("<Q", record, 40)[0]))
        return size
