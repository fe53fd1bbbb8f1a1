"""The route table: made of what modules register, with a scope each, and the most specific route first."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from outrider_service import api
from outrider_service.api.routes import merged, registered
from outrider_service.api.routing import Call, Route
from outrider_service.auth import IDENTIFIED, JOBS_READ


async def nothing(_call: Call) -> BaseModel | None:
    return None


def route(method: str, path: str, scope: Any = IDENTIFIED) -> Route:
    return Route(method, path, nothing, scope, "A route")


@pytest.mark.parametrize("scope", [None, "", "custom:outrider:everything"])
def test_a_route_without_a_known_scope_cannot_be_made(scope: Any) -> None:
    with pytest.raises(ValueError, match="GET /things needs a scope"):
        route("GET", "/things", scope)


def test_two_routes_at_one_address_are_refused() -> None:
    with pytest.raises(ValueError, match="GET /things is registered twice"):
        merged([[route("GET", "/things")], [route("GET", "/things", JOBS_READ)]])


def test_a_word_comes_before_a_parameter_and_the_longer_path_first() -> None:
    paths = ["/images/{path}", "/images/{name}", "/images", "/images/{path}/check", "/images/check"]
    found = [one.path for one in merged([[route("GET", path)] for path in paths])]
    assert found == ["/images/check", "/images/{name}", "/images/{path}/check", "/images/{path}", "/images"]


def test_a_new_file_is_all_that_an_endpoint_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "greeting.py").write_text(
        textwrap.dedent(
            """
            from outrider_service.api.routing import Route
            from outrider_service.auth import PUBLIC

            async def greet(call):
                return None

            ROUTES = [Route("GET", "/greeting", greet, PUBLIC, "Says hello")]
            """
        )
    )
    monkeypatch.setattr(api, "__path__", [*api.__path__, str(tmp_path)])
    try:
        assert "/greeting" in {one.path for one in registered()}
    finally:
        sys.modules.pop("outrider_service.api.greeting", None)
    monkeypatch.undo()
    assert "/greeting" not in {one.path for one in registered()}
