"""Writes docs/admin/chart-values.md from the chart's schema and default values; --check says whether it is current."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "helm/outrider"
TARGET = ROOT / "docs/admin/chart-values.md"
HEAD = """# The chart's values

Made from `helm/outrider/values.schema.json` by `docs/generate_chart_values.py`.

| value | default | |
|---|---|---|
"""


def rows(schema: dict[str, Any], values: Any, path: str = "") -> Iterator[tuple[str, Any, str]]:
    """Every leaf: its path, its default and what it is for."""
    for name, part in schema["properties"].items():
        if name == "global":
            continue
        here, default = f"{path}{name}", values.get(name) if isinstance(values, dict) else None
        if "properties" in part:
            yield from rows(part, default, f"{here}.")
        else:
            yield here, default, part["description"]


def document() -> str:
    schema = json.loads((CHART / "values.schema.json").read_text())
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    lines = []
    for path, default, text in rows(schema, values):
        shown = json.dumps(default)
        lines.append(f"| `{path}` | {f'`{shown}`' if len(shown) < 60 else 'see values.yaml'} | {text} |\n")
    return HEAD + "".join(lines)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(TARGET.read_text() != document())
    TARGET.write_text(document())
