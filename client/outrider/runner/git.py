"""A git revision as a working directory: as little history as possible, and the commit that it turned out
to be."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
import urllib.parse
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

_TIMEOUT_S = 900.0
_PATIENCE = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=60"]


# git asks "Username for 'https://host': " and "Password for 'https://name@host': ".
_ANSWER = """#!/bin/sh
server=${OUTRIDER_GIT_SERVER#*://}
case "$1" in
  "Username for '$OUTRIDER_GIT_SERVER'"*|"Username for '$OUTRIDER_GIT_SERVER/"*)
    printf '%s\\n' "$OUTRIDER_GIT_USERNAME" ;;
  "Password for '"*"@$server'"*|"Password for '"*"@$server/"*)
    printf '%s\\n' "$OUTRIDER_GIT_PASSWORD" ;;
  *) exit 1 ;;
esac
"""


class GitError(Exception):
    """Its text is a sentence for the user."""


class Answer(NamedTuple):
    code: int
    output: str


Run = Callable[..., Answer]


def check_out(spec: Dict[str, Any], folder: Path, run: Run) -> str:
    """Fill an empty directory. `run(words, env, timeout_s)` starts a process and gives its exit code and
    output."""
    with tempfile.TemporaryDirectory(prefix="outrider-git-") as private:
        return _check_out(spec, folder, run, {**_environment(spec), **_login(spec, Path(private))})


def _check_out(spec: Dict[str, Any], folder: Path, run: Run, environment: Dict[str, str]) -> str:
    url: str = spec["url"]
    ref: Optional[str] = spec.get("ref") or None
    commit: Optional[str] = spec.get("commit") or None
    wanted = commit or ref or "HEAD"
    if url.startswith("-") or wanted.startswith("-"):
        raise GitError("A git address or ref cannot begin with '-'.")

    def git(*words: str) -> Answer:
        answer = run(["git", "-C", str(folder), *words], environment, _TIMEOUT_S)
        if answer.code == 127:
            raise GitError("The image has no git, which a workspace from a git address needs.")
        return answer

    def must(*words: str) -> str:
        answer = git(*words)
        if answer.code != 0:
            raise GitError(_explain(answer.output, url, wanted))
        return answer.output.strip()

    must("-c", "init.defaultBranch=main", "init", "--quiet")
    must("remote", "add", "origin", url)
    fetch = [*_PATIENCE, "fetch", "--quiet", "--no-recurse-submodules"]
    if git(*fetch, "--depth", "1", "origin", wanted).code == 0:
        must("checkout", "--quiet", "--detach", "FETCH_HEAD")
    else:
        # Not every server gives away single commits, and abbreviated ones need the history anyway.
        must(*fetch, "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*")
        must("checkout", "--quiet", "--detach", _find(wanted, git, url))
    return must("rev-parse", "HEAD")


def clone(spec: Dict[str, Any], folder: Path, run: Run, timeout_s: float) -> None:
    """A repository to work in, with its history and the branch checked out; `folder` must not be there yet."""
    url: str = spec["url"]
    ref: Optional[str] = spec.get("ref") or None
    if url.startswith("-") or (ref or "").startswith("-"):
        raise GitError("A git address or ref cannot begin with '-'.")
    with tempfile.TemporaryDirectory(prefix="outrider-git-") as private:
        environment = {**_environment(spec), **_login(spec, Path(private))}
        steps = [["git", *_PATIENCE, "clone", "--quiet", "--no-recurse-submodules", "--", url, str(folder)]]
        if ref:
            steps.append(["git", "-C", str(folder), "checkout", "--quiet", ref])
        for words in steps:
            answer = run(words, environment, timeout_s)
            if answer.code == 127:
                raise GitError("The image has no git, which cloning a repository needs.")
            if answer.code != 0:
                raise GitError(_explain(answer.output, url, ref or "HEAD"))


def _find(wanted: str, git: Callable[..., Answer], url: str) -> str:
    for candidate in (f"refs/remotes/origin/{wanted}", f"refs/tags/{wanted}", wanted):
        found = git("rev-parse", "--verify", "--quiet", candidate + "^{commit}")
        if found.code == 0:
            return found.output.strip()
    raise GitError(f"{_public(url)} has no branch, tag or commit {wanted!r}.")


def _environment(spec: Dict[str, Any]) -> Dict[str, str]:
    protocols: List[str] = ["https", "http", "ssh", *spec.get("allow_protocols", [])]
    return {
        **os.environ,
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": ":".join(protocols),
        "GIT_SSH_COMMAND": os.environ.get(
            "GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30 -o StrictHostKeyChecking=accept-new"
        ),
    }


def _login(spec: Dict[str, Any], private: Path) -> Dict[str, str]:
    """What answers git when it is asked for the account: by no command line and in no file, and to this server
    alone, wherever it may redirect. Over ssh, where a login is the hosts' keys and one's own."""
    if not spec.get("login"):
        return {}
    parts = urllib.parse.urlsplit(spec["url"])
    if parts.scheme == "ssh":
        return {"GIT_SSH_COMMAND": _ssh(private, *spec["login"])}
    username, password = spec["login"]
    script = private / "answer"
    script.write_text(_ANSWER)
    script.chmod(0o700)
    return {
        "GIT_ASKPASS": str(script),
        "OUTRIDER_GIT_SERVER": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}".lower(),
        "OUTRIDER_GIT_USERNAME": username,
        "OUTRIDER_GIT_PASSWORD": password,
    }


def _ssh(private: Path, known_hosts: str, key: str) -> str:
    """The command with this key and no other, whatever the image's configuration says. ssh reads keys from files
    alone: this one is for its owner only, and goes with its directory as soon as git is done."""
    identity, hosts = private / "key", private / "known_hosts"
    with os.fdopen(os.open(str(identity), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key if key.endswith("\n") else key + "\n")
    hosts.write_text(known_hosts)
    # Without hosts' keys from the user, whoever answers first is believed, for this one fetch.
    strict = "yes" if known_hosts.strip() else "accept-new"
    options = {
        "IdentityFile": identity,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": strict,
        "BatchMode": "yes",
        "ConnectTimeout": "30",
        "ServerAliveInterval": "30",
    }
    words = ["ssh", "-F", "/dev/null", *(f"-o{name}={value}" for name, value in options.items())]
    return " ".join(shlex.quote(word) for word in words)


def _explain(output: str, url: str, wanted: str) -> str:
    said = [line for line in output.splitlines() if line.startswith(("fatal:", "error:", "remote:", "ssh:"))]
    text = (said or output.strip().splitlines() or ["git gave no reason"])[-1]
    text = re.sub(r"^(fatal|error): ", "", text).replace(url, _public(url)).rstrip(".")
    if "Host key verification failed" in output:
        text = "the host's key is none of those that were set with the deploy key"
    if "could not read Username" in text or "Authentication failed" in text or "Permission denied" in text:
        kind = "ssh" if url.startswith("ssh:") else "git"
        text += f" (the repository does not exist or needs credentials: outrider secrets set --{kind} HOST)"
    return f"{_public(url)} at {wanted} could not be fetched: {text}."


def _public(url: str) -> str:
    """The address without the password or token that it may hold."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return url
    return url.replace(parts.netloc, parts.netloc.rpartition("@")[2], 1)
