"""The API keeps what the last release promised; and what counts as broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.compatibility import breaking

DOCS = Path(__file__).resolve().parents[2] / "docs"
NOW = json.loads((DOCS / "openapi.json").read_text())
RELEASED = DOCS / "openapi-released.json"


def test_the_api_is_that_of_the_last_release_or_more() -> None:
    if not RELEASED.exists():
        pytest.skip("there is no release yet to compare with")
    found = breaking(json.loads(RELEASED.read_text()), NOW)
    assert not found, "\n".join(found)


def test_nothing_changed_breaks_nothing() -> None:
    assert breaking(NOW, copy.deepcopy(NOW)) == []


def model(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


def drop_route(document: dict[str, Any]) -> None:
    del document["paths"]["/jobs/{job_id}"]["delete"]


def drop_parameter(document: dict[str, Any]) -> None:
    operation = document["paths"]["/jobs"]["get"]
    operation["parameters"] = [p for p in operation["parameters"] if p["name"] != "tag"]


def drop_answer_field(document: dict[str, Any]) -> None:
    del model(document, "Job")["properties"]["exit_code"]


def demand_field(document: dict[str, Any]) -> None:
    model(document, "Submission")["required"] = ["machine"]


def change_type(document: dict[str, Any]) -> None:
    model(document, "Job")["properties"]["cost"] = {"type": "string"}


def refuse_type(document: dict[str, Any]) -> None:
    model(document, "Submission")["properties"]["retries"] = {"type": "string"}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (drop_route, "DELETE /jobs/{job_id} is gone"),
        (drop_parameter, "GET /jobs: the query parameter tag is gone"),
        (drop_answer_field, "GET /jobs/{job_id}, answer: the field exit_code is gone"),
        (demand_field, "POST /jobs, request: the field machine is required now"),
        (change_type, "GET /jobs/{job_id}, answer.cost: it may be string now"),
        (refuse_type, "POST /jobs, request.retries: number is no longer accepted"),
    ],
)
def test_a_breaking_change_is_told(change: Callable[[dict[str, Any]], None], sentence: str) -> None:
    changed = copy.deepcopy(NOW)
    change(changed)
    assert sentence in breaking(NOW, changed)


def test_what_is_added_breaks_nothing() -> None:
    changed = copy.deepcopy(NOW)
    model(changed, "Job")["properties"]["colour"] = {"type": "string"}
    model(changed, "Submission")["properties"]["colour"] = {"type": "string", "default": "red"}
    changed["paths"]["/colours"] = {"get": {"responses": {"200": {}}}}
    assert breaking(NOW, changed) == []
