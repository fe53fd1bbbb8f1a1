"""Git's ignore rules for one path at a time: pure, apart from reading a rules file.

Written after gitignore(5), and held against ``git ls-files`` in the tests. No library that was tried decides as
Git does, entry by entry on the way down: they let a pattern that matches a directory speak for everything
below it, so that ``!*/`` after ``*`` opens not only directories but the files in them. Git also matches bytes,
not letters (``?`` is half an ``ü``): patterns and paths are compared as their bytes, one character each.
"""

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
    """One line: what it matches, the whole path or the name alone, and what a match means."""

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
    """The patterns of one source; they hold below ``base``, a directory relative to the tree that is asked
    about ("" or ending with a slash), and the last one that matches decides."""

    base: str
    patterns: tuple[Pattern, ...]

    def verdict(self, path: str, directory: bool) -> bool | None:
        """True: ignored, False: expressly not, None: these rules do not say. ``path`` lies below ``base``."""
        entry = _octets(path[len(self.base) :])
        for pattern in reversed(self.patterns):
            if pattern.matches(entry, directory):
                return pattern.ignored
        return None


def parse(lines: Iterable[str], base: str = "") -> Rules:
    """Rules from the lines of a file; a pattern that makes no sense matches nothing, as in Git."""
    patterns = (_pattern(_octets(line)) for line in lines)
    return Rules(base, tuple(pattern for pattern in patterns if pattern is not None))


def read(file: Path, base: str = "") -> Rules | None:
    """The rules in a file; None where there is none."""
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    content = content[3:] if content.startswith(b"\xef\xbb\xbf") else content
    rules = parse((os.fsdecode(line.removesuffix(b"\r")) for line in content.split(b"\n")), base)
    return rules if rules.patterns else None


def verdict(stack: list[Rules], path: str, directory: bool) -> bool | None:
    """What several sources say together: the last that has an opinion."""
    for rules in reversed(stack):
        decided = rules.verdict(path, directory)
        if decided is not None:
            return decided
    return None


def _octets(text: str) -> str:
    return os.fsencode(text).decode("latin-1")


def _pattern(line: str) -> Pattern | None:
    text = re.sub(r"(?<!\\) +$", "", line)  # a backslash keeps a space at the end
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
    """A pattern as a regular expression for whole entries; None for one that can match nothing."""
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
    """One or more stars; two or more stand for any directories where they are alone between slashes."""
    end = at + stars
    alone = stars > 1 and (at == 0 or text[at - 1] == "/")
    if alone and end == len(text):
        return ".*", stars
    if alone and text[end] == "/":
        return "(?:.*/)?", stars + 1
    return "[^/]*", stars


def _bracket(text: str, start: int) -> tuple[str, int] | None:
    """A set of characters, none of which is ever the slash; None where the bracket is never closed."""
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
    """A character in a set, perhaps behind a backslash, and where the next begins."""
    at += text[at] == "\\"
    return text[at : at + 1], at + 1
