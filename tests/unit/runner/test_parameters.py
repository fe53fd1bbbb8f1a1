"""Parameters of a notebook land where papermill would put them, and mean what they said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outrider.runner import parameters


def cell(source: str, *tags: str) -> dict[str, Any]:
    return {"source": source, "metadata": {"tags": list(tags)} if tags else {}}


def sources(cells: list[dict[str, Any]], params: dict[str, Any]) -> list[str]:
    return [each["source"] for each in parameters.inject(cells, params, "python", cell)]


SET = "# Parameters\nlr = 0.1\n"


def test_they_come_below_the_defaults() -> None:
    assert sources([cell("a"), cell("lr = 1", "parameters"), cell("b")], {"lr": 0.1}) == [
        "a",
        "lr = 1",
        SET,
        "b",
    ]


def test_they_come_first_without_defaults() -> None:
    assert sources([cell("a")], {"lr": 0.1}) == [SET, "a"]


def test_they_replace_those_of_an_earlier_run() -> None:
    before = [cell("lr = 1", "parameters"), cell("lr = 7", "injected-parameters"), cell("b")]
    assert sources(before, {"lr": 0.1}) == ["lr = 1", SET, "b"]


def test_without_any_the_notebook_stays_as_it_is() -> None:
    assert sources([cell("a"), cell("b", "parameters")], {}) == ["a", "b"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(json_values)
def test_values_survive(value: Any) -> None:
    names: dict[str, Any] = {}
    exec(parameters.source({"x": value}), names)
    assert names["x"] == value


@pytest.mark.parametrize("name", ["a-b", "class", "1x", "", "x\ny"])
def test_names_that_are_no_variables_are_refused(name: str) -> None:
    with pytest.raises(parameters.ParameterError, match="cannot be the name"):
        parameters.source({name: 1})


def test_other_languages_are_refused() -> None:
    with pytest.raises(parameters.ParameterError, match="Python notebooks only"):
        parameters.inject([], {"a": 1}, "R", cell)
