"""Git's ignore rules for one path at a time. Pure, except for reading a rules file.

Implements gitignore(5), tested against ``git ls-files``. No library that was tried decides like Git, entry by entry on
the way down: they apply a pattern that matches a directory to everything below it, so that ``!*/`` after ``*`` includes
not only directories but the files in them. Git also matches bytes, not characters (``?`` is half an ``ü``): patterns
and paths are compared as bytes, one character each."""

from __future__ import annotations

import os
import re
import string
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_CLASSES = {
    "alnum": string.ascii_letters + string.digits,
    "alpha": string.ascii_letters,
    "blank": " \t",
    "cntrl": "".join(map(chr, [*range(32), 127])),
    "digit": string.digits,
    "graph": "".join(map(chr, range(33, 127))),
    "lower": string.ascii_lowercase,
    "print": "".join(map(chr, range(32, 127))),
    "punct": string.punctuation,
    "space": string.whitespace,
    "upper": string.ascii_uppercase,
    "xdigit": string.hexdigits,
}


@dataclass(frozen=True)
class Pattern:
    """A rule: what it matches, the whole path or only the name, and what a match means."""

    regex: re.Pattern[str]
    ignored: bool
    directories_only: bool
    name_only: bool

    def matches(self, entry: str, directory: bool) -> bool:
        if self.directories_only and not directory:
            return False
        return self.regex.fullmatch(entry.rpartition("/")[2] if self.name_only else entry) is not None


@dataclass(frozen=True)
class Rules:
    """The patterns of one source. They apply below ``base``, a directory relative to the tree ("" or ending with a
    slash); the last match decides."""

    base: str
    patterns: tuple[Pattern, ...]

    def verdict(self, path: str, directory: bool) -> bool | None:
        """True: ignored; False: explicitly not; None: no match. ``path`` is below ``base``."""
        entry = _octets(path[len(self.base) :])
        for pattern in reversed(self.patterns):
            if pattern.matches(entry, directory):
                return pattern.ignored
        return None


def parse(lines: Iterable[str], base: str = "") -> Rules:
    """Parse the lines of a rules file; an invalid pattern matches nothing, as in Git."""
    patterns = (_pattern(_octets(line)) for line in lines)
    return Rules(base, tuple(pattern for pattern in patterns if pattern is not None))


def read(file: Path, base: str = "") -> Rules | None:
    """The rules in a file; None if there is no file."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    content = content[3:] if content.startswith(b"\xef\xbb\xbf") else content
    rules = parse((os.fsdecode(line.removesuffix(b"\r")) for line in content.split(b"\n")), base)
    return rules if rules.patterns else None


def verdict(stack: list[Rules], path: str, directory: bool) -> bool | None:
    """The decision of several sources: the last one with a match."""
    for rules in reversed(stack):
        decided = rules.verdict(path, directory)
        if decided is not None:
            return decided
    return None


def _octets(text: str) -> str:
    return os.fsencode(text).decode("latin-1")


def _pattern(line: str) -> Pattern | None:
    text = re.sub(r"(?<!\\) +$", "", line)  # a backslash keeps a trailing space
    if not text or text.startswith("#"):
        return None
    ignored = not text.startswith("!")
    text = text if ignored else text[1:]
    directories_only = text.endswith("/")
    text = text[:-1] if directories_only else text
    name_only = "/" not in text
    regex = _translate(text[1:] if text.startswith("/") else text)
    if not text or regex is None:
        return None
    return Pattern(re.compile(regex, re.DOTALL), ignored, directories_only, name_only)


def _translate(text: str) -> str | None:
    """A pattern as a regular expression for whole entries; None if it cannot match anything."""
    out, at = [], 0
    while at < len(text):
        char = text[at]
        if char == "*":
            stars = len(text[at:]) - len(text[at:].lstrip("*"))
            piece, length = _stars(text, at, stars)
        elif char == "?":
            piece, length = "[^/]", 1
        elif char == "[":
            found = _bracket(text, at)
            if found is None:
                return None
            piece, length = found
        elif char == "\\":
            if at + 1 == len(text):
                return None
            piece, length = re.escape(text[at + 1]), 2
        else:
            piece, length = re.escape(char), 1
        out.append(piece)
        at += length
    return "".join(out)


def _stars(text: str, at: int, stars: int) -> tuple[str, int]:
    """One or more stars; two or more alone between slashes match any directories."""
    end = at + stars
    alone = stars > 1 and (at == 0 or text[at - 1] == "/")
    if alone and end == len(text):
        return ".*", stars
    if alone and text[end] == "/":
        return "(?:.*/)?", stars + 1
    return "[^/]*", stars


def _bracket(text: str, start: int) -> tuple[str, int] | None:
    """A character set, which never matches a slash; None if the bracket is not closed."""
    at = start + 1
    negated = text[at : at + 1] in ("!", "^")
    at += negated
    first = at
    members: set[str] = set()
    while True:
        if at >= len(text):
            return None
        if text[at] == "]" and at > first:
            break
        named = re.match(r"\[:(\w*):\]", text[at:])
        if named:
            if named[1] not in _CLASSES:
                return None
            members.update(_CLASSES[named[1]])
            at += len(named[0])
            continue
        low, at = _member(text, at)
        if text[at : at + 1] == "-" and text[at + 1 : at + 2] not in ("", "]"):
            high, at = _member(text, at + 1)
            members.update(map(chr, range(ord(low), ord(high) + 1)) if low and high else ())
        else:
            members.add(low)
    chosen = "".join(re.escape(char) for char in sorted(members - {"/", ""}))
    if negated:
        return f"[^/{chosen}]", at + 1 - start
    return (f"[{chosen}]" if chosen else "(?!)"), at + 1 - start


def _member(text: str, at: int) -> tuple[str, int]:
    """A character in a set, possibly escaped, and the position of the next one."""
    at += text[at] == "\\"
    return text[at : at + 1], at + 1
