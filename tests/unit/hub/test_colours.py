"""The Hub's pages are served without the portal's: their colours stand there again, and must be the same ones."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def _tokens(style: str) -> dict[str, str]:
    return dict(re.findall(r"^  (--or-[a-z0-9-]+): ([^;]+);", (ROOT / style).read_text(), re.MULTILINE))


def test_the_hubs_colours_are_the_portals() -> None:
    shared = _tokens("extensions/ui/style/tokens.css")
    hub = _tokens("hub/outrider_hub/pages/static/outrider.css")
    assert hub
    assert {name: shared.get(name) for name in hub} == hub
