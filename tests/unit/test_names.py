"""The rules about names in docs/contributing/style.md that a program can check."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("hub", "client/outrider", "extensions/jupyterlab/jupyterlab_outrider")


def test_no_two_exceptions_have_the_same_name() -> None:
    """But for private ones, which only their module knows."""
    classes: dict[str, list[tuple[Path, list[str]]]] = defaultdict(list)
    for source in SOURCES:
        for path in sorted((ROOT / source).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    bases = [ast.unparse(base).rpartition(".")[2] for base in node.bases]
                    classes[node.name].append((path.relative_to(ROOT), bases))

    def is_exception(name: str) -> bool:
        if name.endswith(("Error", "Exception")):
            return True
        return any(is_exception(base) for _, bases in classes.get(name, ()) for base in bases if base != name)

    twice = {
        name: [str(path) for path, _ in found]
        for name, found in classes.items()
        if len(found) > 1 and any(is_exception(base) for _, bases in found for base in bases)
    }
    assert twice == {}
