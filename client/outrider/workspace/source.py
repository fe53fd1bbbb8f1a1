"""Parses a workspace argument: a directory, a zip, a Git URL with or without a revision, or none."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from ..errors import WorkspaceError


@dataclass(frozen=True)
class Nothing:
    """The job starts in an empty directory."""


@dataclass(frozen=True)
class Directory:
    path: Path


@dataclass(frozen=True)
class Zip:
    path: Path


@dataclass(frozen=True)
class Git:
    url: str
    ref: str | None


Source = Union[Nothing, Directory, Zip, Git]


def parse(text: str | os.PathLike[str]) -> Source:
    """The source that ``text`` names. Raises WorkspaceError."""
    if isinstance(text, str):
        if text == "none":
            return Nothing()
        if "://" in text or re.match(r"[\w.-]+@[\w.-]+:(?!//)", text):
            return _git(text)
    path = Path(text).expanduser()
    try:
        resolved = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise WorkspaceError(
            f"There is no {str(text)!r} here. A workspace is a directory, a zip file, a git URL or none."
        ) from None
    if resolved.is_dir():
        refuse_too_wide(resolved)
        return Directory(resolved)
    if not resolved.is_file():
        raise WorkspaceError(f"{path} is neither a directory nor a zip file.")
    return Zip(resolved)


def refuse_too_wide(directory: Path) -> None:
    """Refuse the whole disk and home directories: they are never meant and contain private files."""
    homes = {Path.home().resolve(), Path(os.path.expanduser("~" + _user())).resolve()}  # noqa: PTH111
    holds_home = any(directory == home or directory in home.parents for home in homes)
    if directory == Path(directory.anchor) or holds_home:
        what = "your home directory" if directory in homes else str(directory)
        raise WorkspaceError(
            f"The workspace would be {what}, with everything in it. Change to your project's directory, name it "
            "with --workspace DIR, or use none: --workspace none"
        )


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        return ""


def _git(text: str) -> Git:
    """``URL[@REF]``: an @ after the last slash or colon of the path separates the revision.

    Branches hold slashes themselves (``main``, ``feature/x``): after ``.git@`` everything is the revision.
    """
    short = re.fullmatch(r"([\w.-]+@[\w.-]+):(?!//)(.+)", text)
    if short:  # git@host:team/project
        text = f"ssh://{short[1]}/{short[2]}"
    scheme, _, rest = text.partition("://")
    if scheme == "git+https" or scheme == "git+ssh":
        scheme = scheme[4:]
    if scheme not in ("https", "ssh"):
        raise WorkspaceError(f"{text}: a git workspace is an https:// or ssh:// address.")
    host, slash, path = rest.partition("/")
    path, marker, ref = _split_ref(path)
    if not slash or not path:
        raise WorkspaceError(f"{text}: the address names no repository.")
    if marker and not ref:
        raise WorkspaceError(f"{text}: there is no branch, tag or commit after the @.")
    if ":" in host.rpartition("@")[0]:
        raise WorkspaceError("The Git address must not contain a password: it would be visible in the job's record.")
    return Git(f"{scheme}://{host}/{path}", ref or None)


def _split_ref(path: str) -> tuple[str, str, str]:
    if ".git@" in path:
        repository, _, ref = path.partition(".git@")
        return repository + ".git", "@", ref
    return path.partition("@")
