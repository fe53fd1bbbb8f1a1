"""Secret values out of what a job prints. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

SHORTEST: Final = 4
"""What is shorter would also hide ordinary words."""
MASK: Final = b"***"


def masker(values: Iterable[str]) -> Callable[[bytes], bytes] | None:
    """A function that hides the values wherever they are printed; None: there is nothing to hide.

    Of a value with several lines (a key), each line is hidden; also as it looks within JSON.
    """
    hidden: set[bytes] = set()
    for value in values:
        for line in value.splitlines():
            for spelling in (line.strip(), line.strip().replace("\\", "\\\\").replace('"', '\\"')):
                if len(spelling) >= SHORTEST:
                    hidden.add(spelling.encode())
    if not hidden:
        return None
    # The longest first: one may begin with another.
    pattern = re.compile(b"|".join(re.escape(text) for text in sorted(hidden, key=len, reverse=True)))
    return lambda data: pattern.sub(MASK, data)
