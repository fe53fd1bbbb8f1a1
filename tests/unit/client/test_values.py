"""What people write and read in a terminal: times, parameters, curves. Pure."""

from __future__ import annotations

import pytest

from outrider import values
from outrider.cli.chart import draw


class TestValues:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("90", 90), ("90s", 90), ("30m", 1800), ("1.5h", 5400), ("1h30m", 5400), ("1d", 86400)],
    )
    def test_durations(self, text: str, seconds: int) -> None:
        assert values.duration(text) == seconds

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1", 1),
            ("0.5", 0.5),
            ("true", True),
            ("null", None),
            ('{"a": 1}', {"a": 1}),
            ("x", "x"),
            ("", ""),
        ],
    )
    def test_params(self, text: str, value: object) -> None:
        assert values.param(text) == value

    @pytest.mark.parametrize("text", ["007", "NaN", "Infinity", "1e999", "1_000"])
    def test_params_that_json_does_not_know_stay_text(self, text: str) -> None:
        assert values.param(text) == text


class TestChart:
    def test_a_curve(self) -> None:
        picture = draw([[(x, x) for x in range(11)]], width=24, height=5)
        assert picture[0].startswith("10 ┤")
        assert picture[4].startswith(" 0 ┤")
        assert picture[0].rstrip()[-1] not in "┤ "
        assert picture[-1].split() == ["0", "10"]

    @pytest.mark.parametrize(
        "curves", [[], [[]], [[(1, 1)]], [[(1, 5), (2, 5)]], [[(1, float("nan")), (2, 1e300), (3, -1e300)]]]
    )
    def test_odd_curves_can_be_drawn(self, curves: list[list[tuple[float, float]]]) -> None:
        assert draw(curves)
