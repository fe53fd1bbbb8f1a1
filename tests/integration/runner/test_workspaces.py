"""Workspaces: what was asked for is there before the command starts, or a sentence says why not."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run


@pytest.fixture(scope="session")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits, a branch, a tag."""
    folder = tmp_path_factory.mktemp("repository")
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    script: list[list[str]] = [
        ["init", "-q", "-b", "main"],
        ["commit", "-q", "--allow-empty", "-m", "first"],
        ["tag", "v1"],
    ]
    for words in script:
        subprocess.run([*git, *words], check=True)
    (folder / "train.py").write_text("print('from main')\n")
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "second"], check=True)
    subprocess.run([*git, "checkout", "-q", "-b", "feature/x"], check=True)
    (folder / "train.py").write_text("print('from feature')\n")
    subprocess.run([*git, "commit", "-q", "-a", "-m", "third"], check=True)
    subprocess.run([*git, "checkout", "-q", "main"], check=True)
    return folder


def commit_of(repository: Path, ref: str) -> str:
    words = ["git", "-C", str(repository), "rev-parse", f"{ref}^{{commit}}"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def git(repository: Path, **fields: Any) -> dict[str, Any]:
    return {"type": "git", "url": f"file://{repository}", "allow_protocols": ["file"], **fields}


@pytest.mark.parametrize("ref", [None, "main", "feature/x", "v1"])
def test_a_ref_is_checked_out_and_its_commit_reported(job: Run, repository: Path, ref: str | None) -> None:
    assert job.run(command="cat train.py || true", workspace=git(repository, ref=ref)) == 0, job.raw
    assert job.record("workspace")["commit"] == commit_of(repository, ref or "main")
    assert (b"feature" in job.printed) == (ref == "feature/x")


@pytest.mark.parametrize("length", [40, 10])
def test_a_pinned_commit_wins_over_the_branch(job: Run, repository: Path, length: int) -> None:
    commit = commit_of(repository, "v1")
    workspace = git(repository, ref="main", commit=commit[:length])
    assert job.run(command="ls", workspace=workspace) == 0, job.raw
    assert job.record("workspace")["commit"] == commit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ref": "no-such-branch"}, "no-such-branch"),
        ({"url": "file:///no/such/repository"}, "could not be fetched"),
        ({"url": "--upload-pack=touch /tmp/x"}, "cannot begin with"),
        ({"ref": "--upload-pack=x"}, "cannot begin with"),
        ({"url": "ext::sh -c 'echo no'"}, "could not be fetched"),
        ({"allow_protocols": []}, "not allowed"),
    ],
)
def test_what_is_not_there_or_not_allowed_is_told(
    job: Run, repository: Path, change: dict[str, Any], said: str
) -> None:
    assert job.run(command="echo ran", workspace={**git(repository), **change}) == 125
    assert said in job.record("workspace_failed")["message"]
    assert b"ran" not in job.printed


def test_a_password_in_the_address_is_not_told(job: Run) -> None:
    workspace = {"type": "git", "url": "http://me:s3cr3t@127.0.0.1:9/x.git"}
    assert job.run(command="true", workspace=workspace) == 125
    assert b"s3cr3t" not in job.raw
    assert "127.0.0.1:9" in job.record("workspace_failed")["message"]


def test_a_repository_above_the_limit_is_refused(job: Run, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.mkdir()
    words = ["git", "-C", str(big), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    (big / "data").write_bytes(bytes(3 << 20))
    for more in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*words, *more], check=True)
    assert job.run(command="true", workspace=git(big), max_workspace_mb=2) == 125
    assert "limit of 2 MiB" in job.record("workspace_failed")["message"]


def test_an_image_without_git_says_so(job: Run, repository: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    job.run({"PATH": str(tmp_path / "empty")}, command="true", workspace=git(repository))
    assert "has no git" in job.record("workspace_failed")["message"]


def archive(path: Path, **files: str) -> dict[str, Any]:
    with zipfile.ZipFile(path, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return {"type": "snapshot", "archive": str(path)}


def test_an_archive_is_unpacked(job: Run, tmp_path: Path) -> None:
    assert job.run(command="cat a", workspace=archive(tmp_path / "a.zip", a="text", b="")) == 0
    assert job.printed == b"text\n"
    assert job.record("workspace") == {"type": "workspace", "commit": None, "files": 2, "bytes": 4}


def test_a_hostile_archive_ends_the_job_before_it_begins(job: Run, tmp_path: Path) -> None:
    assert job.run(command="echo ran", workspace=archive(tmp_path / "a.zip", **{"../x": ""})) == 125
    assert "outside of the workspace" in job.record("workspace_failed")["message"]
    assert b"ran" not in job.printed


def test_another_attempt_finds_what_was_prepared(job: Run, tmp_path: Path) -> None:
    workspace = archive(tmp_path / "a.zip", a="text")
    job.run(command="echo changed > a; ls -A", workspace=workspace)
    (tmp_path / "a.zip").unlink()
    assert job.run(command="cat a", workspace=workspace) == 0
    assert job.printed == b"changed\n"
    assert job.record("workspace")["files"] == 1


def test_half_of_an_earlier_preparation_is_done_again(job: Run, tmp_path: Path) -> None:
    (job.workspace / "half").mkdir()
    (job.workspace / "half" / "x").write_text("old")
    assert job.run(command="ls", workspace=archive(tmp_path / "a.zip", a="text")) == 0
    assert job.printed == b"a\n"
