"""Which files make up a workspace, what is refused, and that the same files give the same archive."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import outrider
from outrider.snapshots import check_size
from outrider.workspace import archive, source
from outrider.workspace.collect import Entry, collect
from tests.unit.client.platform import Platform


def git(directory: Path, *args: str) -> bytes:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *args],
        cwd=directory,
        check=True,
        capture_output=True,
        env={**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"},
    )
    return done.stdout


def ignored(root: Path, directory: str) -> bool:
    asked = subprocess.run(["git", "check-ignore", "-q", "--no-index", directory], cwd=root, check=False)
    return asked.returncode == 0


def paths(directory: Path, **options: object) -> list[str]:
    return [entry.path for entry in collect(directory, **options).entries]  # type: ignore[arg-type]


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


NAMES = st.sampled_from(["a", "b", "ab", "x.py", "y.log", "build", "data", "[z]", "a b", "ü", "à", "b "])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "*",
        "**",
        "***",
        "?",
        "x.py",
        "*.log",
        "build",
        "data",
        "a b",
        "b*",
        "ü",
        "à",
        "b\\ ",
        "b ",
        "[ab]",
        "[!a]",
        "\\[z\\]",
        "[a-z]?",
        "a[!b]a",
        "[[:alpha:]]",
        "[]a]",
        "[z-a]",
        "[",
        "\\a",
        "!a",
        "#a",
    ]
)
PATTERNS = st.builds(
    lambda negated, anchored, parts, directory: negated + anchored + "/".join(parts) + directory,
    st.sampled_from(["", "", "!"]),
    st.sampled_from(["", "", "/"]),
    st.lists(ATOMS, min_size=1, max_size=3),
    st.sampled_from(["", "", "/"]),
)
RULES = st.lists(PATTERNS, max_size=5)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=st.lists(PATHS, min_size=1, max_size=12),
    top=RULES,
    nested=st.dictionaries(NAMES, RULES, max_size=2),
    exclude=RULES,
    tracked=st.booleans(),
)
@example(
    files=["x.py", "y.log", "a/x.py", "a/b/y.log"],
    top=["*", "!*/", "!*.py"],
    nested={},
    exclude=[],
    tracked=False,
)
@example(files=["a/x.py", "a/b/y.log"], top=["a/**"], nested={"a": ["!b/"]}, exclude=[], tracked=False)
@example(files=["build/a", "build/b/a"], top=["/build/*", "!/build/b"], nested={}, exclude=[], tracked=True)
@example(files=["a/b/a"], top=["**/b/**", "!a"], nested={}, exclude=["a/"], tracked=False)
def test_the_files_are_those_that_git_would_take(
    files: list[str], top: list[str], nested: dict[str, list[str]], exclude: list[str], tracked: bool
) -> None:
    with tempfile.TemporaryDirectory(prefix="outrider-test-") as name:
        root = Path(name).resolve()
        git(root, "init", "-q")
        for path in files:
            file = root / path
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text("")
            except OSError:
                continue  # a file of that name is where a directory would be, or the other way round
        if tracked:
            git(root, "add", "--all", "--force", "--", ".")
            (root / "new").write_text("")
        (root / ".gitignore").write_text("\n".join(top) + "\n")
        (root / ".git" / "info" / "exclude").write_text("\n".join(exclude) + "\n")
        for directory, lines in nested.items():
            if (root / directory).is_dir():
                (root / directory / ".gitignore").write_text("\n".join(lines) + "\n")
        listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
        expected = {os.fsdecode(path) for path in listed.split(b"\0") if path}
        assert set(paths(root)) == expected
        for below in {path.split("/")[0] for path in files if (root / path.split("/")[0]).is_dir()}:
            ours = {f"{below}/{path}" for path in paths(root / below)}
            theirs = {path for path in expected if path.startswith(below + "/")}
            # A directory that Git ignores, named all the same, is sent.
            assert ours == theirs or (ignored(root, below) and ours >= theirs)


def test_our_own_rules_come_after_gits(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    write(
        tmp_path,
        **{
            ".gitignore": "data/\n*.log\n",
            ".outriderignore": "!data/\ndocs/\n",
            "data/train.csv": "1",
            "docs/index.md": "",
            "run.log": "",
            "a.py": "",
            "deep/.outriderignore": "*.py\n!keep.py\n",
            "deep/b.py": "",
            "deep/keep.py": "",
        },
    )
    git(tmp_path, "add", "docs")
    expected = [
        ".gitignore",
        ".outriderignore",
        "a.py",
        "data/train.csv",
        "deep/.outriderignore",
        "deep/keep.py",
    ]
    assert paths(tmp_path) == expected
    (tmp_path / "more").write_text("a.py\n/more\n")
    assert paths(tmp_path, ignore_files=[tmp_path / "more"], patterns=["data"]) == [
        ".gitignore",
        ".outriderignore",
        "deep/.outriderignore",
        "deep/keep.py",
    ]


def test_default_excludes_hold_without_git_and_can_be_taken_back(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "a.py": "",
            "__pycache__/a.pyc": "",
            ".ipynb_checkpoints/n.ipynb": "",
            ".idea/x": "",
            "p/.pytest_cache/x": "",
            ".env": "kept: nobody said otherwise",
        },
    )
    assert paths(tmp_path) == [".env", "a.py"]
    (tmp_path / ".outriderignore").write_text("!.idea/\n")
    assert paths(tmp_path) == [".env", ".idea/x", ".outriderignore", "a.py"]


def test_rules_of_the_repository_above_and_of_the_user_hold(tmp_path: Path, nobody: Path) -> None:
    git(tmp_path, "init", "-q")
    write(tmp_path, **{".gitignore": "/project/out/\n*.tmp\n", "project/out/x": "", "project/a.py": ""})
    write(tmp_path, **{"project/b.tmp": "", "project/c.mine": ""})
    write(nobody, **{".config/git/ignore": "*.mine\n"})
    assert paths(tmp_path / "project") == ["a.py"]


def test_a_worktree_has_the_rules_of_its_repository(tmp_path: Path) -> None:
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "-q")
    git(main, "commit", "-q", "--allow-empty", "-m", "x")
    (main / ".git" / "info" / "exclude").write_text("*.secret\n")
    git(main, "worktree", "add", "-q", str(tmp_path / "tree"))
    write(tmp_path / "tree", **{"a.py": "", "b.secret": ""})
    assert paths(tmp_path / "tree") == ["a.py"]


class TestLinks:
    def test_a_link_inside_becomes_a_copy(self, tmp_path: Path) -> None:
        write(tmp_path, **{"runs/7/model": "m", "a.py": "a"})
        (tmp_path / "latest").symlink_to("runs/7")
        (tmp_path / "b.py").symlink_to(tmp_path / "a.py")
        found = collect(tmp_path)
        assert [entry.path for entry in found.entries] == ["a.py", "b.py", "latest/model", "runs/7/model"]
        assert found.warnings == []
        with archive.pack(found.entries) as packed, zipfile.ZipFile(packed.path) as bundle:
            assert bundle.read("latest/model") == b"m"
            assert all(stat.S_ISREG(info.external_attr >> 16) for info in bundle.infolist())

    def test_a_link_out_or_to_what_is_ignored_is_left_out_and_said(self, tmp_path: Path) -> None:
        root = tmp_path / "w"
        write(tmp_path, secret="s")
        write(root, **{"a.py": "", ".outriderignore": ".env\n", ".env": "s", "in/x": ""})
        for name, target in {
            "out": "../secret",
            "etc": "/etc",
            "env": ".env",
            "gone": "nowhere",
            "loop": "loop",
            "self": ".",
            "in/up": "../in",
        }.items():
            (root / name).symlink_to(target)
        found = collect(root)
        assert [entry.path for entry in found.entries] == [".outriderignore", "a.py", "in/x"]
        assert sorted(text.split()[0] for text in found.warnings) == sorted(
            ["out", "etc", "env", "gone", "loop", "self", "in/up"]
        )

    def test_what_is_no_file_is_left_out(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "sock"))
            found = collect(tmp_path)
        assert found.entries == []
        assert len(found.warnings) == 2


class TestArchive:
    def test_the_same_files_give_the_same_bytes(self, tmp_path: Path) -> None:
        ids = []
        for name, order in (("one", ["b/c", "a", "ü"]), ("two", ["ü", "a", "b/c"])):
            for index, path in enumerate(order):
                write(tmp_path / name, **{path: path * 1000})
                os.utime(tmp_path / name / path, (index, index))
            (tmp_path / name / "a").chmod(0o700 if name == "one" else 0o755)
            with archive.pack(collect(tmp_path / name).entries) as packed:
                ids.append(packed.id)
                assert archive.content_id(packed.path) == packed.id
            assert not packed.path.exists()
        assert ids[0] == ids[1]
        (tmp_path / "two" / "a").chmod(0o644)
        with archive.pack(collect(tmp_path / "two").entries) as packed:
            assert packed.id != ids[0]

    def test_scripts_stay_executable(self, tmp_path: Path) -> None:
        write(tmp_path, **{"run.sh": "#!/bin/sh\n", "a": ""})
        (tmp_path / "run.sh").chmod(0o755)
        with archive.pack(collect(tmp_path).entries) as packed, zipfile.ZipFile(packed.path) as bundle:
            modes = {info.filename: info.external_attr >> 16 & 0o777 for info in bundle.infolist()}
        assert modes == {"run.sh": 0o755, "a": 0o644}

    def test_a_file_that_grows_meanwhile_is_cut_where_it_was(self, tmp_path: Path) -> None:
        write(tmp_path, log="1234")
        found = collect(tmp_path)
        (tmp_path / "log").write_text("12345678")
        with archive.pack(found.entries) as packed, zipfile.ZipFile(packed.path) as bundle:
            assert bundle.read("log") == b"1234"

    def test_a_name_that_is_not_utf_8_is_refused_by_name(self, tmp_path: Path) -> None:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff")).write_text("")
        with pytest.raises(outrider.WorkspaceError, match="not UTF-8"):
            archive.pack(collect(tmp_path).entries)


class TestRefusals:
    def test_600_mib_are_refused_before_anything_is_read_or_sent(self, logged_in: Platform, tmp_path: Path) -> None:
        with (tmp_path / "huge.bin").open("wb") as out:
            out.truncate(600 << 20)
        write(tmp_path, **{"small.py": "x"})
        with pytest.raises(outrider.WorkspaceError) as caught:
            outrider.Client().jobs.create(command="true", workspace=tmp_path)
        assert "600.0 MiB" in str(caught.value)
        assert "512.0 MiB" in str(caught.value)
        assert "huge.bin" in str(caught.value)
        assert logged_in.count("POST", "") == 0

    def test_the_platform_says_how_much_it_takes(self, logged_in: Platform, tmp_path: Path) -> None:
        logged_in.max_upload_mb = 1
        with (tmp_path / "a.zip").open("wb") as out, zipfile.ZipFile(out, "w") as bundle:
            bundle.writestr("a", b"x" * (2 << 20))
        for workspace in (tmp_path, tmp_path / "a.zip"):
            with pytest.raises(outrider.WorkspaceError, match=r"at most 1\.0 MiB"):
                outrider.Client().snapshots.prepare(workspace)

    def test_only_the_largest_are_named(self) -> None:
        entries = [Entry(f"f{n}", Path(f"f{n}"), n << 20, False) for n in range(100)]
        with pytest.raises(outrider.WorkspaceError) as caught:
            check_size(entries, 512)
        assert [f"f{n}" in str(caught.value).split() for n in (99, 98, 97, 96, 95, 94)] == [True] * 5 + [False]

    def test_the_disk_and_the_home_directory(self, nobody: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (nobody / "project").mkdir()
        assert source.parse(nobody / "project") == source.Directory(nobody / "project")
        (nobody / "link").symlink_to("/")
        for path in ("/", str(nobody), str(nobody.parent), str(nobody / "link"), "~"):
            with pytest.raises(outrider.WorkspaceError, match="with everything in it"):
                source.parse(path)
        monkeypatch.chdir(nobody)
        with pytest.raises(outrider.WorkspaceError, match="your home directory"):
            source.parse(".")

    def test_what_is_not_there_or_no_zip(self, logged_in: Platform, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_text("not a zip")
        for workspace in (tmp_path / "nowhere", tmp_path / "a.zip", "/dev/null"):
            with pytest.raises(outrider.WorkspaceError):
                outrider.Client().snapshots.prepare(workspace)


@pytest.mark.parametrize(
    ("text", "url", "ref"),
    [
        ("https://example.org/a/b", "https://example.org/a/b", None),
        ("https://example.org/a/b.git@v1.0", "https://example.org/a/b.git", "v1.0"),
        ("https://example.org/a/b@feature/x", "https://example.org/a/b", "feature/x"),
        ("https://example.org/a/b.git@feature/x", "https://example.org/a/b.git", "feature/x"),
        ("ssh://git@example.org/a/b.git@main", "ssh://git@example.org/a/b.git", "main"),
        ("ssh://git@example.org:2222/a/b", "ssh://git@example.org:2222/a/b", None),
        ("git@example.org:a/b.git@main", "ssh://git@example.org/a/b.git", "main"),
        ("git+https://example.org/a/b.git", "https://example.org/a/b.git", None),
    ],
)
def test_git_addresses(text: str, url: str, ref: str | None) -> None:
    assert source.parse(text) == source.Git(url, ref)


@pytest.mark.parametrize(
    "text",
    [
        "http://example.org/a",
        "file:///etc",
        "https://example.org",
        "https://u:pw@example.org/a",
        "https://e.org/a@",
    ],
)
def test_git_addresses_that_are_refused(text: str) -> None:
    with pytest.raises(outrider.WorkspaceError):
        source.parse(text)
