"""A repository in a notebook's home: cloned whole or not at all, and the server starts in any case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

RUNNER = Path(__file__).resolve().parents[3] / "client"
CODE = f"import sys; sys.path.insert(0, {str(RUNNER)!r}); from outrider.runner.clone import main; main()"
SERVER = ("sh", "-c", "echo server runs; env")


@pytest.fixture
def repository(tmp_path: Path) -> str:
    folder = tmp_path / "origin"
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / "lesson.txt").write_text("one")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "one"], check=True)
    subprocess.run([*git, "checkout", "-q", "-b", "next"], check=True)
    (folder / "lesson.txt").write_text("two")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "two"], check=True)
    subprocess.run([*git, "checkout", "-q", "main"], check=True)
    return f"file://{folder}"


def start(home: Path, order: dict[str, Any] | None, *words: str, **env: str) -> str:
    home.mkdir(exist_ok=True)
    given = {"OUTRIDER_CLONE": json.dumps({"allow_protocols": ["file"], "folder": "x", **order})} if order else {}
    command = [sys.executable, "-I", "-S", "-c", CODE, *words]
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), **given, **env}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_branch_is_checked_out_with_its_history(tmp_path: Path, repository: str) -> None:
    home = tmp_path / "home"
    said = start(home, {"url": repository, "ref": "next", "login": ["me", "s3cret"]}, *SERVER)
    assert "[outrider] repository: cloned" in said and "server runs" in said
    assert "s3cret" not in said, "the server's environment has no credentials"
    git = ["git", "-C", str(home / "x")]
    branch = subprocess.run([*git, "branch", "--show-current"], capture_output=True, text=True, check=True)
    history = subprocess.run([*git, "rev-list", "--count", "HEAD"], capture_output=True, text=True, check=True)
    assert (branch.stdout.strip(), history.stdout.strip()) == ("next", "2")
    assert [path.name for path in home.iterdir()] == ["x"]


def test_what_is_there_stays(tmp_path: Path, repository: str) -> None:
    home = tmp_path / "home"
    (home / "x").mkdir(parents=True)
    (home / "x" / "mine").write_text("work")
    start(home, {"url": repository}, *SERVER)
    assert [path.name for path in (home / "x").iterdir()] == ["mine"]


@pytest.mark.parametrize("change", [{"url": "file:///no/such"}, {"ref": "no-such"}, {"url": "-x"}])
def test_a_failure_leaves_a_note_and_the_server_runs(tmp_path: Path, repository: str, change: dict[str, str]) -> None:
    home = tmp_path / "home"
    said = start(home, {"url": repository, **change}, *SERVER)
    assert "server runs" in said and "repository: cloned" not in said
    assert [path.name for path in home.iterdir()] == ["git-clone-failed.txt"]
    note = (home / "git-clone-failed.txt").read_text()
    assert note.partition("\n")[0] in said
    start(home, {"url": repository}, *SERVER)
    assert sorted(path.name for path in home.iterdir()) == ["x"], "the note goes when it is there"


def test_without_git_it_says_so_and_without_a_server_it_ends(tmp_path: Path, repository: str) -> None:
    home = tmp_path / "home"
    said = start(home, {"url": repository}, PATH="/nonexistent")
    assert "has no git" in said
