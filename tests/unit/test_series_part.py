"""A part of a series, for a chart that is zoomed in."""

from typing import Any

import numpy as np

from outrider_service.telemetry.series import Part


def rows(*xs: Any) -> Any:
    return np.array([(x, 10 * x, 1000 + i, i + 1) for i, x in enumerate(xs)], dtype=float)


def test_everything_without_bounds() -> None:
    assert len(Part(0).of(rows(1, 2, 3))) == 3


def test_the_neighbours_come_along_so_that_lines_reach_the_edges() -> None:
    assert Part(0, 3, 4).of(rows(1, 2, 3, 4, 5, 6))[:, 0].tolist() == [2, 3, 4, 5]
    assert Part(0, 5, None).of(rows(1, 2, 3, 4, 5, 6))[:, 0].tolist() == [4, 5, 6]
    assert Part(2, None, 1001).of(rows(1, 2, 3, 4))[:, 0].tolist() == [1, 2, 3]


def test_steps_that_a_resumed_run_repeats_are_all_found() -> None:
    assert Part(0, 2, 2).of(rows(1, 2, 3, 4, 2, 3))[:, 3].tolist() == [1, 2, 3, 4, 5, 6]


def test_outside_and_empty() -> None:
    assert len(Part(0, 50, 60).of(rows(1, 2, 3))) == 0
    assert len(Part(0, 1, 2).of(np.empty((0, 4)))) == 0
