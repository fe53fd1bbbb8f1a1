"""Trees that users fill: whatever lies in them, they can be listed, packed, written and removed."""

from __future__ import annotations

import io
import os
import resource
import signal
import zipfile
from pathlib import Path

import pytest

from outrider_service.api.files import ListQuery, _listing
from outrider_service.storage import trees
from outrider_service.storage.disk import measure
from outrider_service.storage.trees import BadPath, Tree


def fill(root: Path, *files: str) -> Tree:
    for name in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return Tree(root)


def paths(tree: Tree, path: str = "", after: str = "") -> list[str]:
    return [entry.path for entry in tree.walk(path, after)]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_walk_goes_on_behind_any_path(tmp_path: Path) -> None:
    tree = fill(tmp_path, "a/1", "a/b/2", "a/b-c", "a b", "b", "z/9")
    everything = paths(tree)
    assert everything == ["a", "a/1", "a/b", "a/b/2", "a/b-c", "a b", "b", "z", "z/9"]
    for index, path in enumerate(everything):
        assert paths(tree, after=path) == everything[index + 1 :]
    assert paths(tree, "a", after="a/b") == ["a/b/2", "a/b-c"]


@pytest.mark.parametrize("recursive", [True, False])
def test_a_list_goes_on_though_the_last_file_of_a_page_is_gone(tmp_path: Path, recursive: bool) -> None:
    tree = fill(tmp_path, *(f"f{n}" for n in range(6)))
    first = _listing(tree, ListQuery(limit=3, recursive=recursive))
    assert [entry.path for entry in first.items] == ["f0", "f1", "f2"]
    (tmp_path / "f2").unlink()
    second = _listing(tree, ListQuery(limit=3, recursive=recursive, cursor=first.next))
    assert [entry.path for entry in second.items] == ["f3", "f4", "f5"]


def test_a_page_looks_at_no_more_files_than_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = fill(tmp_path, *(f"f{n:03}" for n in range(200)))
    looked: list[str] = []
    real = Tree.stat
    monkeypatch.setattr(Tree, "stat", lambda self, path: looked.append(path) or real(self, path))  # type: ignore[func-returns-value]
    _listing(tree, ListQuery(limit=5, cursor="f100"))
    assert len(looked) < 10


def test_names_that_are_no_utf8_are_left_out(tmp_path: Path) -> None:
    tree = fill(tmp_path, "good")
    (tmp_path / os.fsdecode(b"bad\xff")).mkdir()
    assert paths(tree) == ["good"]
    _listing(tree, ListQuery(recursive=True)).model_dump_json()


def test_deeper_than_python_calls_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree(tmp_path)
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    opened: list[str] = []
    real = trees.open_beneath
    monkeypatch.setattr(trees, "open_beneath", lambda *args: opened.append(args[1]) or real(*args))  # type: ignore[func-returns-value]
    assert len(paths(tree)) == 1200
    assert opened == [""], "no level is looked up from the root again"
    b"".join(tree.zip_blocks(""))
    tree.delete("d")
    assert not (tmp_path / "d").exists()


def test_files_below_a_path_too_long_to_name_count(tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 250, dir_fd=here)
        below = os.open("d" * 250, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    with os.fdopen(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=here), "wb") as file:
        file.write(b"x" * 300_000)
    os.close(here)
    assert measure(tmp_path) >= 300_000
    assert len(paths(Tree(tmp_path))) == 16, "those that a path can name"
    Tree(tmp_path).delete("d" * 250)


def test_a_list_goes_on_though_a_directory_is_moved_away_under_it(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    deepest = tmp_path.joinpath("a", *["d"] * 80)
    deepest.mkdir(parents=True)
    (tmp_path / "z").touch()
    walk = tree.walk()
    found = [next(walk).path for _ in range(70)]
    (tmp_path / "a" / "d" / "d").rename(tmp_path / "y")
    found += [entry.path for entry in walk]
    assert found[-1] == "z"
    assert len(set(found)) == len(found)


def test_times_that_no_zip_and_no_calendar_knows(tmp_path: Path) -> None:
    tree = fill(tmp_path, "old", "new")
    os.utime(tmp_path / "old", (-1e9, -1e9))
    os.utime(tmp_path / "new", (1e10, 1e10))
    packed = io.BytesIO()
    packed.write(b"".join(tree.zip_blocks("")))
    assert zipfile.ZipFile(packed).namelist() == ["new", "old"]
    _listing(tree, ListQuery()).model_dump_json()


def test_a_refused_file_leaves_nothing_open(tmp_path: Path) -> None:
    tree = fill(tmp_path, "file", "directory/x")
    before = open_files()
    for path in ("é" * 200, "x/" + "y" * 256, "file/below"):
        with pytest.raises((BadPath, OSError)):
            tree.create(path)
    pending = tree.create("directory")
    pending.write(b"x")
    with pytest.raises(IsADirectoryError):
        pending.commit()
    pending.discard()
    assert open_files() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["directory", "file"]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    before = open_files()
    old, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        pending = tree.create("large")
        with pytest.raises(OSError):
            for _ in range(10):
                pending.write(b"x" * 100_000)
        pending.discard()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(tmp_path.iterdir()) == []
    assert open_files() == before


def test_others_appear_in_a_tree_and_cannot_be_left_by_it(tmp_path: Path) -> None:
    own, team = tmp_path / "own", tmp_path / "team"
    fill(own, "mine")
    fill(team, "ours/1")
    (own / "teams").symlink_to("/teams")
    tree = Tree(own, {"teams/a": team})
    assert paths(tree) == ["mine", "teams", "teams/a", "teams/a/ours", "teams/a/ours/1"]
    assert [entry.path for entry in tree.children("teams")] == ["teams/a"]
    assert tree.open("teams/a/ours/1").read() == b"ours/1"
    pending = tree.create("teams/a/new/2")
    pending.write(b"2")
    pending.commit()
    assert (team / "new" / "2").read_bytes() == b"2"
    tree.delete("teams/a/ours")
    assert not (team / "ours").exists()
    with pytest.raises(BadPath):
        tree.delete("teams/a")
    with pytest.raises(BadPath):
        tree.stat("teams/a/../../x")
    for path in ("teams/b/x", "teams/ab"):
        with pytest.raises(OSError):
            tree.create(path)


def test_a_file_that_is_discarded_after_its_commit_stays_and_closes_nothing_else(tmp_path: Path) -> None:
    pending = Tree(tmp_path).create("model")
    pending.write(b"weights")
    pending.commit()
    # What is opened next has the number that the directory had.
    other = os.open(tmp_path, os.O_RDONLY)
    pending.discard()
    os.fstat(other)
    os.close(other)
    assert (tmp_path / "model").read_bytes() == b"weights"
