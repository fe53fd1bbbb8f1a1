"""Git's ignore rules for one path at a time: pure, apart from reading a rules file.

pathspec translates each pattern. It also lets a pattern that matches a directory speak for everything below
it; Git decides entry by entry on its way down, so that ``!*/`` after ``*`` opens directories and not the
files in them. Hence a match only counts here when it is of the whole entry. And Git matches bytes, not
letters (``?`` is half an ``ü``), so patterns and paths are compared as their bytes, one character each.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pathspec.patterns.gitignore import GitIgnorePatternError
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern


@dataclass(frozen=True)
class Rules:
    """The patterns of one source; they hold below ``base``, a directory relative to the tree that is asked
    about ("" or ending with a slash), and the last one that matches decides."""

    base: str
    patterns: tuple[GitIgnoreSpecPattern, ...]

    def verdict(self, path: str, directory: bool) -> bool | None:
        """True: ignored, False: expressly not, None: these rules do not say. ``path`` lies below ``base``."""
        entry = _octets(os.fsencode(path[len(self.base) :])) + ("/" if directory else "")
        for pattern in reversed(self.patterns):
            regex = pattern.regex
            if regex is not None and any(found.end() == len(entry) for found in regex.finditer(entry)):
                return pattern.include
        return None


def parse(lines: list[str], base: str = "") -> Rules:
    """Rules from the lines of a file; a pattern that makes no sense is ignored, as Git does."""
    patterns = []
    for line in lines:
        text = _trimmed(_octets(os.fsencode(line)))
        # `dir/**` means everything below but not the directory; written so that it matches whole entries.
        text = text + "/*" if text.endswith("/**") else text
        try:
            pattern = GitIgnoreSpecPattern(text)
        except GitIgnorePatternError:
            continue
        if pattern.include is not None:
            patterns.append(pattern)
    return Rules(base, tuple(patterns))


def read(file: Path, base: str = "") -> Rules | None:
    """The rules in a file; None where there is none."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    content = content[3:] if content.startswith(b"\xef\xbb\xbf") else content
    rules = parse([os.fsdecode(line) for line in content.split(b"\n")], base)
    return rules if rules.patterns else None


def verdict(stack: list[Rules], path: str, directory: bool) -> bool | None:
    """What several sources say together: the last that has an opinion."""
    for rules in reversed(stack):
        decided = rules.verdict(path, directory)
        if decided is not None:
            return decided
    return None


def _octets(text: bytes) -> str:
    return text.decode("latin-1")


def _trimmed(line: str) -> str:
    """Without the line's end and without spaces that no backslash keeps. Any other white space at the end
    belongs to the name; in brackets, so that pathspec keeps it."""
    text = re.sub(r"(?<!\\) +$", "", line.rstrip("\r\n"))
    if text[-1:].isspace() and not text.endswith("\\ "):
        return f"{text[:-1]}[{text[-1]}]"
    return text
