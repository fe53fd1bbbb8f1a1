"""Parameters of a notebook, set the way papermill sets them. Pure.

A cell tagged `parameters` holds the defaults; the values given for this run go into a cell of their own
right below it, tagged `injected-parameters`, which replaces one that an earlier run left. Without a tagged
cell it comes first."""

from __future__ import annotations

import keyword
import math
from typing import Any, Callable, Dict, List

DEFAULTS = "parameters"
INJECTED = "injected-parameters"


class ParameterError(Exception):
    """Its text is a sentence for the user."""


def inject(cells: List[Any], params: Dict[str, Any], language: str, new_cell: Callable[[str], Any]) -> List[Any]:
    """The cells of the notebook that runs. `new_cell` makes a code cell of a source."""
    if not params:
        return cells
    if language.lower() != "python":
        raise ParameterError(f"Parameters can be set in Python notebooks only; this one's language is {language}.")
    cell = new_cell(source(params))
    cell["metadata"]["tags"] = [INJECTED]
    for index, old in enumerate(cells):
        if INJECTED in tags(old):
            return [*cells[:index], cell, *cells[index + 1 :]]
    for index, old in enumerate(cells):
        if DEFAULTS in tags(old):
            return [*cells[: index + 1], cell, *cells[index + 1 :]]
    return [cell, *cells]


def tags(cell: Any) -> List[str]:
    return list(cell.get("metadata", {}).get("tags", []))


def source(params: Dict[str, Any]) -> str:
    lines = ["# Parameters"]
    for name, value in params.items():
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ParameterError(f"{name!r} cannot be the name of a Python variable, so it cannot be a parameter.")
        lines.append(f"{name} = {literal(value)}")
    return "\n".join(lines) + "\n"


def literal(value: Any) -> str:
    """Python's spelling of a JSON value."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {literal(item)}" for key, item in value.items()) + "}"
    return repr(value)
