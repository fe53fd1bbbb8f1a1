"""Draws charts in a terminal with Braille dots. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of the 2 x 4 dots of a Braille character, by row and column."""

Curve = Sequence[tuple[float, float]]


def draw(curves: Sequence[Curve], width: int = 72, height: int = 16) -> list[str]:
    """The series in one frame, as lines of text with the limits of both axes."""
    points = [[(x, y) for x, y in curve if math.isfinite(x) and math.isfinite(y)] for curve in curves]
    flat = [point for curve in points for point in curve]
    if not flat:
        return ["(no points yet)"]
    left, right = min(x for x, _ in flat), max(x for x, _ in flat)
    bottom, top = min(y for _, y in flat), max(y for _, y in flat)
    labels = [number(top), number((top + bottom) / 2), number(bottom)]
    margin = max(len(label) for label in labels)
    cells = [[0] * max(1, width - margin - 2) for _ in range(max(2, height))]
    columns, rows = len(cells[0]) * 2 - 1, len(cells) * 4 - 1

    def place(x: float, y: float) -> tuple[int, int]:
        across = (x - left) / (right - left) if right > left else 0.5
        up = (y - bottom) / (top - bottom) if top > bottom else 0.5
        return round(across * columns), round((1 - up) * rows)

    for curve in points:
        before = None
        for x, y in curve:
            spot = place(x, y)
            for column, row in _between(before or spot, spot):
                cells[row // 4][column // 2] |= _DOTS[row % 4][column % 2]
            before = spot
    named = {0: labels[0], len(cells) // 2: labels[1], len(cells) - 1: labels[2]}
    lines = [
        f"{named.get(index, ''):>{margin}} ┤" + "".join(chr(0x2800 + bits) for bits in row).rstrip("\u2800")
        for index, row in enumerate(cells)
    ]
    ends = f"{number(left)}{number(right):>{max(1, len(cells[0]) - len(number(left)))}}"
    return [*lines, " " * margin + " └" + "─" * len(cells[0]), " " * (margin + 2) + ends]


def _between(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    steps = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    across, down = (end[0] - start[0]) / steps, (end[1] - start[1]) / steps
    return [(round(start[0] + across * step), round(start[1] + down * step)) for step in range(steps + 1)]


def number(value: float) -> str:
    """A short form of a number."""
    return f"{value:.4g}"
