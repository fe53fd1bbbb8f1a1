"""Colours and header are defined once, for the Hub's pages, the portal and JupyterLab alike."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "hub/outrider_hub/pages/static"
STYLES = [
    *STATIC.glob("*.css"),
    *(ROOT / "extensions").glob("*/style/*.css"),
    *(ROOT / "extensions").glob("*/src/**/*.css"),
]
DEFINITION = re.compile(r"^\s*(--or-[a-z0-9-]+):\s*light-dark\(", re.MULTILINE)


def test_every_colour_is_defined_in_tokens_alone() -> None:
    defined = {style.name for style in STYLES if DEFINITION.search(style.read_text())}
    assert defined == {"tokens.css"}


def test_the_hub_uses_only_what_is_defined() -> None:
    known = set(re.findall(r"(--or-[a-z0-9-]+):", (STATIC / "tokens.css").read_text()))
    used = {name for style in STATIC.glob("*.css") for name in re.findall(r"var\((--or-[a-z0-9-]+)", style.read_text())}
    assert used and used <= known


def test_the_header_has_rules_in_one_file() -> None:
    rules = {style.name for style in STYLES if re.search(r"^\.outrider-head nav", style.read_text(), re.MULTILINE)}
    assert rules == {"header.css"}
