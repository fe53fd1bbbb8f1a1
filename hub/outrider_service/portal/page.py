"""Fills the one HTML file in for a user. Pure, except for reading the file."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Final

STATIC: Final = Path(__file__).with_name("static")
PAGES: Final = frozenset({"", "compare", "images", "jobs", "machines", "new", "settings", "storage", "usage"})
"""First path segments that have a page; all others get the same file with 404."""

# No other origins and nothing inline, so text from a job that slipped into a page could not run.
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data: blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
BASE_MARK: Final = '<base href="./" />'


@dataclass(frozen=True, slots=True)
class Place:
    """What a page needs before its first request. ``prefix`` and ``hub`` end with a slash."""

    prefix: str
    hub: str
    user: str
    admin: bool = False


def is_page(path: str) -> bool:
    """Whether there is a page at the address ``path`` below the prefix."""
    return path.strip("/").partition("/")[0] in PAGES


def template(static: Path = STATIC) -> str | None:
    """The built file, or None when the pages are not built."""
    try:
        return (static / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def fill(text: str, place: Place) -> str:
    """The file with its base and meta tags. Values are escaped."""
    tags = [f'<base href="{html.escape(place.prefix)}static/" />']
    for name in ("prefix", "hub", "user"):
        tags.append(f'<meta name="outrider-{name}" content="{html.escape(getattr(place, name))}" />')
    if place.admin:
        tags.append('<meta name="outrider-admin" content="yes" />')
    return text.replace(BASE_MARK, "".join(tags), 1)
