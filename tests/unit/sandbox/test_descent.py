"""Ways through trees whose maker chose their depth, shut directories and swaps things meanwhile."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from outrider_sandbox import descent, remove_tree, statuses

NOBODY = 65534


def deep(root: Path, levels: int, name: str = "d") -> int:
    """A chain of directories; a descriptor of the last one, which no path reaches."""
    here = os.open(root, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    return here


def seen(root: Path) -> list[os.stat_result]:
    fd = os.open(root, os.O_RDONLY)
    try:
        return list(statuses(fd))
    finally:
        os.close(fd)


@pytest.fixture
def few_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory that is somebody else's, with a mode of its own."""
    path = tmp_path / "outside"
    (path / "below").mkdir(parents=True)
    (path / "secret").write_text("stays")
    (path / "below" / "secret").write_text("stays")
    for place, mode in ((path / "secret", 0o600), (path / "below", 0o711), (path, 0o555)):
        place.chmod(mode)
    return path


def untouched(outside: Path) -> bool:
    modes = [path.stat().st_mode & 0o777 for path in (outside, outside / "below", outside / "secret")]
    return modes == [0o555, 0o711, 0o600] and (outside / "below" / "secret").read_text() == "stays"


def test_no_depth_is_too_deep(tmp_path: Path, few_files: None) -> None:
    (tmp_path / "tree").mkdir()
    last = deep(tmp_path / "tree", 12_000)
    os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=last))
    os.close(last)
    assert len(seen(tmp_path / "tree")) == 12_001
    remove_tree(tmp_path / "tree")
    assert list(tmp_path.iterdir()) == []


def test_links_are_removed_and_lead_nowhere(tmp_path: Path, outside: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "link").symlink_to(outside)
    assert len(seen(tree)) == 1
    remove_tree(tree)
    remove_tree(tmp_path / "nothing")
    (tmp_path / "link").symlink_to(outside)
    remove_tree(tmp_path / "link")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert untouched(outside)


def swapped(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], None], name: str) -> None:
    """`swap` happens between the look at a directory and its opening."""
    real = descent._open_directory
    done: list[bool] = []

    def opening(parent: int, below: str, writable: bool) -> tuple[int, int | None]:
        if below == name and not done:
            done.append(True)
            swap()
        return real(parent, below, writable)

    monkeypatch.setattr(descent, "_open_directory", opening)


@pytest.mark.parametrize("shut", [False, True])
@pytest.mark.parametrize("place", ["tree", "tree/victim"])
def test_a_link_swapped_in_is_not_followed(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, place: str, shut: bool
) -> None:
    victim = tmp_path / place
    (tmp_path / "tree" / "victim" / "below").mkdir(parents=True)
    if shut:
        victim.chmod(0)

    def swap() -> None:
        shutil.move(victim, tmp_path / "away")
        victim.symlink_to(outside)

    swapped(monkeypatch, swap, victim.name)
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "tree")
    assert untouched(outside)
    assert not (tmp_path / "tree").is_symlink() and not (tmp_path / "tree").exists()


def test_a_link_swapped_in_is_not_measured(tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree" / "victim").mkdir(parents=True)

    def swap() -> None:
        (tmp_path / "tree" / "victim").rmdir()
        (tmp_path / "tree" / "victim").symlink_to(outside)

    swapped(monkeypatch, swap, "victim")
    assert len(seen(tmp_path / "tree")) == 1
    assert untouched(outside)


def test_directories_moved_meanwhile_end_a_way_and_not_a_removal(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up from what was moved lies somebody else's directory."""
    (tmp_path / "tree").mkdir()
    os.close(deep(tmp_path / "tree", 100))
    fd = os.open(tmp_path / "tree", os.O_RDONLY)
    way = statuses(fd)
    for _ in range(80):
        next(way)
    moved = tmp_path / "tree" / "d" / "d"
    (tmp_path / "elsewhere").mkdir()
    moved.rename(tmp_path / "elsewhere" / "d")
    with pytest.raises(OSError, match="moved") as error:
        list(way)
    assert error.value.errno == errno.ESTALE
    os.close(fd)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()
    assert untouched(outside)


def test_what_is_written_meanwhile_goes_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree" / "d").mkdir(parents=True)
    real, left = os.rmdir, [3]

    def rmdir(name: str, *, dir_fd: int) -> None:
        if left[0]:
            left[0] -= 1
            os.close(os.open(f"{name}/late", os.O_WRONLY | os.O_CREAT, dir_fd=dir_fd))
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr("outrider_sandbox.descent.os.rmdir", rmdir)
    remove_tree(tmp_path / "tree")
    assert not (tmp_path / "tree").exists()


def test_somebody_who_never_stops_writing_ends_the_removal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()

    def rmdir(name: str, *, dir_fd: int) -> None:
        raise OSError(errno.ENOTEMPTY, "Directory not empty")

    monkeypatch.setattr("outrider_sandbox.descent.os.rmdir", rmdir)
    with pytest.raises(OSError, match="not empty"):
        remove_tree(tmp_path / "tree")


def as_ordinary_user(work: Callable[[Path], bool]) -> bool:
    """Whether `work` says so, in a process that may do nothing which root alone may."""
    home = Path(tempfile.mkdtemp(prefix="outrider-descent-"))
    try:
        if os.getuid() == 0:
            os.chown(home, NOBODY, NOBODY)
        pid = os.fork()
        if pid == 0:
            code = 2
            try:
                if os.getuid() == 0:
                    os.setgroups([])
                    os.setgid(NOBODY)
                    os.setuid(NOBODY)
                code = 0 if work(home) else 1
            finally:
                os._exit(code)
        return os.waitpid(pid, 0)[1] == 0
    finally:
        shutil.rmtree(home)


def hidden(home: Path) -> Path:
    shut = home / "tree" / "shut"
    (shut / "below").mkdir(parents=True)
    (shut / "below" / "file").write_bytes(b"x" * 300_000)
    (shut / "below").chmod(0o300)
    shut.chmod(0)
    return shut


def test_shut_directories_are_looked_into_and_stay_shut() -> None:
    def work(home: Path) -> bool:
        shut = hidden(home)
        sizes = [status.st_size for status in seen(home / "tree")]
        was_shut = shut.stat().st_mode & 0o777 == 0
        shut.chmod(0o700)
        return 300_000 in sizes and was_shut and (shut / "below").stat().st_mode & 0o777 == 0o300

    assert as_ordinary_user(work)


def test_shut_directories_are_removed() -> None:
    def work(home: Path) -> bool:
        hidden(home)
        (home / "tree").chmod(0o500)
        remove_tree(home / "tree")
        return not (home / "tree").exists()

    assert as_ordinary_user(work)
