"""What an upload may hold, found out without unpacking it, and without believing it."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import pytest

from outrider_service.workspaces import snapshots
from outrider_service.workspaces.snapshots import MOST_FILES, BadSnapshot, check_zip


def table_of_contents(entries: int, said: int) -> bytes:
    """A zip of nothing but its table of contents."""
    header = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0x21, *[0] * 3, 1, *[0] * 6)
    table = (header + b"a") * entries
    return table + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, said, said, len(table), 0, 0)


def test_a_table_of_contents_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_path: Path) -> None:
        raise AssertionError("a million entries would become a million objects")

    monkeypatch.setattr(snapshots.zipfile, "ZipFile", read)
    path = tmp_path / "large.zip"
    path.write_bytes(table_of_contents(MOST_FILES + 1, said=1))
    with pytest.raises(BadSnapshot, match="files"):
        check_zip(path)


@pytest.mark.parametrize("comment", [b"", b"c" * 65535])
def test_an_honest_one_is_counted(tmp_path: Path, comment: bytes) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(50):
            archive.writestr(f"{number}.txt", "x" * 1000)
        archive.mkdir("directory")
        archive.comment = comment
    path = tmp_path / "small.zip"
    path.write_bytes(packed.getvalue())
    assert check_zip(path) == 50
