"""A repository over ssh with a deploy key: git's own fetch, through an ssh that looks at what it was given."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from outrider.runner import git, workspace

SSH = """#!/bin/sh
# Notes how it was called and with which key, then does what a server would do.
echo "$@" >> {seen}/arguments
for word in "$@"; do
  case "$word" in
    -oIdentityFile=*) key=${{word#-oIdentityFile=}}; stat -c %a "$key" > {seen}/mode; cp "$key" {seen}/key ;;
    -oUserKnownHostsFile=*) cp "${{word#-oUserKnownHostsFile=}}" {seen}/hosts ;;
  esac
  last=$word
done
exec sh -c "$last"
"""


def run(words: list[str], env: dict[str, str], timeout_s: float) -> git.Answer:
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=timeout_s, check=False)
    return git.Answer(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found, programs = tmp_path / "seen", tmp_path / "bin"
    found.mkdir()
    programs.mkdir()
    (programs / "ssh").write_text(SSH.format(seen=found))
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return found


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "repository"
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "init", "-q", str(path)], check=True)
    (path / "train.py").write_text("print()")
    subprocess.run(["git", "-C", str(path), "add", "."], check=True)
    subprocess.run(["git", "-C", str(path), *who, "commit", "-qm", "first"], check=True)
    return path


@pytest.mark.parametrize(("hosts", "strict"), [("git.example ssh-ed25519 AAAA\n", "yes"), ("", "accept-new")])
def test_the_key_is_used_for_the_fetch_alone(
    tmp_path: Path, seen: Path, repository: Path, hosts: str, strict: str
) -> None:
    folder = tmp_path / "workspace"
    spec: dict[str, Any] = {"type": "git", "url": f"ssh://git@git.example{repository}", "login": [hosts, "PRIVATE KEY"]}
    done = workspace.prepare(spec, folder, 100, run)
    assert done is not None and len(done["commit"]) == 40
    assert (folder / "train.py").read_text() == "print()"
    assert ((seen / "key").read_text(), (seen / "mode").read_text()) == ("PRIVATE KEY\n", "600\n")
    assert (seen / "hosts").read_text() == hosts
    called = (seen / "arguments").read_text()
    assert f"StrictHostKeyChecking={strict}" in called and "IdentitiesOnly=yes" in called
    key = next(word for word in called.split() if word.startswith("-oIdentityFile="))
    assert not Path(key.partition("=")[2]).exists()


def test_no_credentials_stay_in_the_workspace(tmp_path: Path, seen: Path, repository: Path) -> None:
    folder = tmp_path / "workspace"
    spec = {"type": "git", "url": f"ssh://git@git.example{repository}", "login": ["", "PRIVATE KEY"]}
    workspace.prepare(spec, folder, 100, run)
    for path in folder.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    assert "login" not in json.loads((folder / ".outrider-workspace.json").read_text())["workspace"]
