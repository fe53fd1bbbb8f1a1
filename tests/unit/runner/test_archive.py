"""Archives from outside: what is ordinary arrives, what is hostile is refused and leaves nothing."""

from __future__ import annotations

import io
import os
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from outrider.runner import archive

MIB = 1 << 20


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def make(path: Path, *entries: tuple[zipfile.ZipInfo | str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for info, data in entries:
            file.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "deep" / "workspace"
    folder.mkdir(parents=True)
    return folder


def refused(source: Path, target: Path, limit: int = 10 * MIB) -> str:
    before = {path for path in target.parent.parent.rglob("*") if target not in path.parents}
    with pytest.raises(archive.ArchiveError) as caught:
        archive.extract(source, target, limit)
    after = {path for path in target.parent.parent.rglob("*") if target not in path.parents}
    assert before == after, "something was written outside"
    return str(caught.value)


def test_files_directories_permissions_and_links_arrive(tmp_path: Path, target: Path) -> None:
    source = make(
        tmp_path / "a.zip",
        (entry("run.sh", stat.S_IFREG | 0o755), b"#!/bin/sh\n"),
        (entry("empty/", stat.S_IFDIR | 0o755), b""),
        ("data/ü ☃/x.csv", b"1,2\n"),
        (entry("data/link", stat.S_IFLNK | 0o777), b"../run.sh"),
        (entry("setuid", stat.S_IFREG | 0o4755), b""),
    )
    assert archive.extract(source, target, MIB) == (4, 14)
    assert os.access(target / "run.sh", os.X_OK)
    assert (target / "empty").is_dir()
    assert (target / "data" / "ü ☃" / "x.csv").read_bytes() == b"1,2\n"
    assert (target / "data" / "link").read_bytes() == b"#!/bin/sh\n"
    assert not (target / "setuid").stat().st_mode & stat.S_ISUID


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil", "a/..", "..", "\\evil", "..\\evil"])
def test_names_that_lead_outside_are_refused(tmp_path: Path, target: Path, name: str) -> None:
    assert "outside of the workspace" in refused(make(tmp_path / "a.zip", (entry(name), b"x")), target)


@pytest.mark.parametrize("to", ["/etc/passwd", "../..", "a/../../../x", ""])
def test_links_that_lead_outside_are_refused(tmp_path: Path, target: Path, to: str) -> None:
    source = make(tmp_path / "a.zip", (entry("link", stat.S_IFLNK | 0o777), to.encode()))
    assert "leads outside" in refused(source, target)


def test_links_that_lead_outside_together_are_refused(tmp_path: Path, target: Path) -> None:
    link = stat.S_IFLNK | 0o777
    source = make(tmp_path / "a.zip", (entry("a/x", link), b"b/../../c"), (entry("a/b", link), b".."), ("c", b""))
    assert "outside" in refused(source, target)


def test_nothing_is_written_through_a_link(tmp_path: Path, target: Path) -> None:
    (tmp_path / "deep" / "precious").mkdir()
    source = make(tmp_path / "a.zip", (entry("out", stat.S_IFLNK | 0o777), b"../precious"), ("out/file", b"gotcha"))
    refused(source, target)


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFSOCK])
def test_devices_are_refused(tmp_path: Path, target: Path, kind: int) -> None:
    assert "neither file" in refused(make(tmp_path / "a.zip", (entry("dev", kind | 0o600), b"")), target)


def test_a_bomb_is_refused_by_its_declared_size(tmp_path: Path, target: Path) -> None:
    source = make(tmp_path / "a.zip", ("zeros", bytes(20 * MIB)))
    assert source.stat().st_size < MIB
    assert "10 MiB" in refused(source, target)
    assert not (target / "zeros").exists()


def test_a_bomb_that_lies_about_its_size_is_refused(tmp_path: Path, target: Path) -> None:
    data = bytearray(make(tmp_path / "a.zip", ("zeros", bytes(20 * MIB))).read_bytes())
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 24, 5)  # the uncompressed size in the table of contents
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(archive.ArchiveError):
        archive.extract(tmp_path / "a.zip", target, 10 * MIB)
    assert sum(path.stat().st_size for path in target.rglob("*")) <= 10 * MIB


def test_too_many_entries_are_refused(tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 10)
    assert "11 entries" in refused(make(tmp_path / "a.zip", *[(f"{i}", b"") for i in range(11)]), target)


def test_a_huge_table_of_contents_is_refused_before_it_is_read(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "_MOST_DIRECTORY", 1000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    source = io.BytesIO()
    source.write(b"PK\x05\x06" + bytes(8) + struct.pack("<LL", 2000, 0) + bytes(2))
    (tmp_path / "a.zip").write_bytes(source.getvalue())
    assert "entries" in refused(tmp_path / "a.zip", target)


def test_one_name_twice_is_refused(tmp_path: Path, target: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        source = make(tmp_path / "a.zip", ("x", b"1"), ("x", b"2"))
    assert "twice" in refused(source, target)


def test_damaged_files_are_refused(tmp_path: Path, target: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"no zip at all")
    assert "no zip" in refused(tmp_path / "a.zip", target)
    data = bytearray(make(tmp_path / "b.zip", ("x", os.urandom(1000))).read_bytes())
    data[100] ^= 0xFF
    (tmp_path / "b.zip").write_bytes(data)
    assert "damaged" in refused(tmp_path / "b.zip", target)


def test_encrypted_files_are_refused(tmp_path: Path, target: Path) -> None:
    data = bytearray(make(tmp_path / "a.zip", ("x", b"secret")).read_bytes())
    data[6] |= 1
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "password" in refused(tmp_path / "a.zip", target)
