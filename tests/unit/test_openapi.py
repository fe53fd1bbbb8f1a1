"""The kept description of the API, from which the front end's types are made, is that of the code."""

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_kept_description_is_current() -> None:
    page = runpy.run_path(str(DOCS / "generate_openapi.py"))["page"]
    kept = (DOCS / "openapi.json").read_text()
    assert kept == page(), "run: .venv/bin/python docs/generate_openapi.py"
