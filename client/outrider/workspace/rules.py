"""Git's ignore rules for one path at a time: pure, apart from reading a rules file.

pathspec translates each pattern. It also lets a pattern that matches a directory speak for everything below
it; Git decides entry by entry on its way down, so that ``!*/`` after ``*`` opens directories and not the
files in them. Hence a match only counts here when it is of the whole entry.
"""

from __future__ import annotations

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
        entry = path[len(self.base) :] + ("/" if directory else "")
        for pattern in reversed(self.patterns):
            regex = pattern.regex
            if regex is not None and any(found.end() == len(entry) for found in regex.finditer(entry)):
                return pattern.include
        return None


def parse(lines: list[str], base: str = "") -> Rules:
    """Rules from the lines of a file; a pattern that makes no sense is ignored, as Git does."""
    patterns = []
    for line in lines:
        text = line.rstrip("\r\n")
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
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    rules = parse(text.split("\n"), base)
    return rules if rules.patterns else None


def verdict(stack: list[Rules], path: str, directory: bool) -> bool | None:
    """What several sources say together: the last that has an opinion."""
    for rules in reversed(stack):
        decided = rules.verdict(path, directory)
        if decided is not None:
            return decided
    return None
