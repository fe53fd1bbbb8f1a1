"""Masks secret values in a job's output. Pure."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

SHORTEST: Final = 4
"""A shorter value is not masked, since that would hide ordinary words."""
SHORTEST_CODED: Final = 8
"""The same for encoded forms, which look like any other text."""
CODED_LINE: Final = 76
"""The line length of the ``base64`` program."""
MASK: Final = b"***"


def masker(values: Iterable[str]) -> Callable[[bytes], bytes] | None:
    """A function that hides the values wherever they are printed; None: there is nothing to hide.

    Of a value with several lines (a key), each line is hidden. Also as programs print values by accident: within JSON,
    in addresses, and in base64, alone or in the middle of something (the header of a login).
    """
    hidden: set[bytes] = set()
    for value in values:
        for line in map(str.strip, value.splitlines()):
            spellings = (line, json.dumps(line)[1:-1], json.dumps(line, ensure_ascii=False)[1:-1])
            hidden.update(text.encode() for text in (*spellings, quote(line, safe=""), quote_plus(line)))
        hidden = {text for text in hidden if len(text) >= SHORTEST}
        hidden.update(text for text in _coded(value.strip().encode()) if len(text) >= SHORTEST_CODED)
    if not hidden:
        return None
    # Longest first, since one may be the beginning of another.
    pattern = re.compile(b"|".join(re.escape(text) for text in sorted(hidden, key=len, reverse=True)))
    return lambda data: pattern.sub(MASK, data)


def _coded(value: bytes) -> Iterator[bytes]:
    """The value in base64: the whole, its lines, and what is the same wherever it stands in something longer."""
    for encode in (b64encode, urlsafe_b64encode):
        for whole in (encode(value), encode(value + b"\n")):
            yield whole
            yield from (whole[at : at + CODED_LINE] for at in range(0, len(whole), CODED_LINE))
        for before, mixed in ((0, 0), (1, 2), (2, 3)):
            # Three bytes are four characters; those at the ends are made from the neighbours as well.
            alone = (before + len(value)) * 8 // 6
            yield encode(bytes(before) + value)[mixed:alone]
