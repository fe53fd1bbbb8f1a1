"""Determines the files of a workspace.

First Git's rules: ``.gitignore`` in every directory and its parents up to the repository's root, ``.git/info/exclude``,
the user's ``core.excludesFile``; tracked files belong even if ignored. Then the user's own: ``.outriderignore`` files
and ``--ignore-file``, which may also include what Git ignores. Reads the file system and runs ``git`` twice if it is
installed; writes nothing."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import WorkspaceError
from . import rules
from .rules import Rules

ALWAYS_LEFT_OUT = frozenset({".git"})
DEFAULT_EXCLUDES = (".idea/", ".pytest_cache/", "__pycache__/", ".ipynb_checkpoints/")
OWN_FILE = ".outriderignore"


@dataclass(frozen=True)
class Entry:
    """A file of the workspace: its path in it, its path on disk, its size and whether it is executable."""

    path: str
    source: Path
    size: int
    executable: bool


@dataclass
class Collection:
    """The workspace's files, sorted by path, and what was skipped although no rule says so."""

    root: Path
    entries: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def size(self) -> int:
        return sum(entry.size for entry in self.entries)


@dataclass
class _Walk:
    root: Path
    tracked: frozenset[str]
    tracked_above: frozenset[str]
    extra: list[Rules]
    found: Collection
    links: list[str] = field(default_factory=list)


def collect(directory: Path, ignore_files: Sequence[Path] = (), patterns: Sequence[str] = ()) -> Collection:
    """The files of ``directory`` that the rules do not exclude; ``ignore_files`` and ``patterns`` apply last."""
    root = directory.resolve()
    top = _repository(root)
    prefix = "" if top is None or top == root else root.relative_to(top).as_posix() + "/"
    extra = []
    for file in ignore_files:
        own = rules.read(file)
        if own is None and not file.is_file():
            raise WorkspaceError(f"There is no ignore file {file}.")
        extra.extend([own] if own else [])
    extra.append(rules.parse(list(patterns)))
    tracked = _tracked(root) if top is not None else frozenset()
    above = frozenset(path[:i] for path in tracked for i, char in enumerate(path) if char == "/")
    walk = _Walk(root, tracked, above, extra, Collection(root))
    # Paths are relative to the repository's root, as its rules are.
    stack = [rules.parse(list(DEFAULT_EXCLUDES)), *_outer_rules(top, prefix)]
    if _ignored_above(stack, prefix):
        # Git ignores the directory itself, yet the user asks for it by name: apply only its own rules.
        stack = stack[:1]
    _directory(walk, "", prefix, stack, [], hidden=False)
    _links(walk)
    walk.found.entries.sort(key=lambda entry: os.fsencode(entry.path))
    return walk.found


def _directory(
    walk: _Walk, place: str, prefix: str, git_rules: list[Rules], own_rules: list[Rules], hidden: bool
) -> None:
    """Add the files in ``place``; ``hidden``: Git ignores it, so only tracked files belong."""
    here = walk.root / place
    git_rules = _with(git_rules, rules.read(here / ".gitignore", prefix + place))
    own_rules = _with(own_rules, rules.read(here / OWN_FILE, place))
    try:
        with os.scandir(here) as listing:
            items = sorted(listing, key=lambda item: item.name)
    except OSError as error:
        raise WorkspaceError(f"{here} cannot be read: {error.strerror}. Exclude it in {OWN_FILE}.") from error
    for item in items:
        if item.name in ALWAYS_LEFT_OUT:
            continue
        path = place + item.name
        is_directory = item.is_dir(follow_symlinks=False)
        own = rules.verdict(own_rules, path, is_directory)
        last = rules.verdict(walk.extra, path, is_directory)
        own = own if last is None else last
        if own is True:
            continue
        wanted = own is False
        ignored = not wanted and (hidden or rules.verdict(git_rules, prefix + path, is_directory) is True)
        if is_directory:
            if not ignored or path in walk.tracked_above:
                _directory(walk, path + "/", prefix, git_rules, own_rules, hidden=ignored)
        elif not ignored or path in walk.tracked:
            _file(walk, item, path)


def _file(walk: _Walk, item: os.DirEntry[str], path: str) -> None:
    if item.is_symlink():
        walk.links.append(path)
        return
    try:
        info = item.stat(follow_symlinks=False)
    except FileNotFoundError:
        return  # removed in the meantime
    if not stat.S_ISREG(info.st_mode):
        walk.found.warnings.append(f"{path} is a socket, pipe or device; skipped.")
        return
    walk.found.entries.append(Entry(path, Path(item.path), info.st_size, bool(info.st_mode & 0o100)))


def _links(walk: _Walk) -> None:
    """Replace symbolic links with copies of their targets, if those are part of the workspace."""
    by_path = {entry.path: entry for entry in walk.found.entries}
    for link in walk.links:
        try:
            target = (walk.root / link).resolve(strict=True)
            inside = target.relative_to(walk.root).as_posix()
        except (OSError, RuntimeError):
            walk.found.warnings.append(f"{link} is a broken link; skipped.")
            continue
        except ValueError:
            walk.found.warnings.append(f"{link} is a link that leads out of the workspace; skipped.")
            continue
        if inside in by_path:
            copies = {link: by_path[inside]}
        elif inside == "." or (link + "/").startswith(inside + "/"):
            walk.found.warnings.append(f"{link} is a link to a directory that contains it; skipped.")
            continue
        else:
            below = inside + "/"
            copies = {
                link + "/" + path[len(below) :]: entry for path, entry in by_path.items() if path.startswith(below)
            }
        if not copies:
            walk.found.warnings.append(f"{link} is a link to an excluded file; skipped.")
        for path, entry in copies.items():
            walk.found.entries.append(Entry(path, entry.source, entry.size, entry.executable))


def _with(stack: list[Rules], more: Rules | None) -> list[Rules]:
    return stack if more is None else [*stack, more]


def _repository(directory: Path) -> Path | None:
    """The root of the directory's working tree, or None."""
    for place in (directory, *directory.parents):
        if (place / ".git").exists():
            return place
    return None


def _outer_rules(top: Path | None, prefix: str) -> list[Rules]:
    """Git's rules from outside the directory, lowest precedence first."""
    stack = _with([], _user_excludes(top))
    if top is None:
        return stack
    stack = _with(stack, rules.read(_git_directory(top) / "info" / "exclude"))
    place = ""
    for part in prefix.split("/")[:-1]:
        stack = _with(stack, rules.read(top / place / ".gitignore", place))
        place += part + "/"
    return stack


def _ignored_above(stack: list[Rules], prefix: str) -> bool:
    parts = prefix.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        path = "/".join(parts[:count])
        known = [entry for entry in stack if (path + "/").startswith(entry.base)]
        if rules.verdict(known, path, True) is True:
            return True
    return False


def _git_directory(top: Path) -> Path:
    """``.git``, or the directory it points to: in worktrees and submodules it is a file; worktrees share their
    rules."""
    told = _ask(top, "rev-parse", "--git-path", "info/exclude")
    if told:
        return (top / told.decode(errors="surrogateescape").rstrip("\n")).parent.parent
    return top / ".git"


def _user_excludes(top: Path | None) -> Rules | None:
    told = _ask(top or Path.home(), "config", "--type=path", "--get", "core.excludesFile") if top else None
    if told:
        return rules.read(Path(told.decode(errors="surrogateescape").rstrip("\n")))
    config = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(config) if config.startswith("/") else Path.home() / ".config"
    return rules.read(base / "git" / "ignore")


def _tracked(root: Path) -> frozenset[str]:
    """The files that Git tracks below the directory; empty without git."""
    listing = _ask(root, "ls-files", "-z", "--cached") or b""
    return frozenset(os.fsdecode(path) for path in listing.split(b"\0") if path)


def _ask(directory: Path, *question: str) -> bytes | None:
    try:
        # Without fsmonitor and hooks: a query must not run programs from a repository's configuration.
        answer = subprocess.run(
            ["git", "-c", "core.fsmonitor=false", "-C", str(directory), *question],
            capture_output=True,
            timeout=30,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return answer.stdout if answer.returncode == 0 else None
