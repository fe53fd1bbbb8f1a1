"""Images, secrets, usage and storage from the command line, on a real service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from outrider.cli import cli
from tests.integration.harness import ServiceProcess, User

Run = Callable[..., Result]


@pytest.fixture
def outrider(service: ServiceProcess, alice: User, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("OUTRIDER_URL", f"http://127.0.0.1:{service.port}")
    monkeypatch.setenv("OUTRIDER_TOKEN", alice.token)

    def run(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(cli, words, input=typed)

    return run


def items(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return list(json.loads(result.stdout)["items"])


def test_images(outrider: Run) -> None:
    added = outrider("images", "add", "alice/tool:2", "--title", "My tool", "--jobs-only", "--no-check")
    assert added.exit_code == 0, added.output
    mine = next(image for image in items(outrider("images", "list", "--json")) if image["owner"] == "alice")
    assert (mine["name"], mine["title"], mine["for_notebooks"]) == ("alice/tool:2", "My tool", False)
    assert "alice/tool:2\tMy tool\tjobs\tyours" in outrider("images", "list").stdout
    # For everybody is an admin's to say.
    assert outrider("images", "add", "x/y", "--shared", "--no-check").exit_code == 4
    refused = outrider("images", "check", "169.254.169.254/x")
    assert refused.exit_code == 1 and "not allowed" in refused.stderr
    assert outrider("images", "remove", "alice/tool:2").exit_code == 0
    assert outrider("images", "remove", "alice/tool:2").exit_code == 3


def test_secrets(outrider: Run, alice: User) -> None:
    assert outrider("secrets", "set", "TOKEN", typed="from-a-pipe\n").exit_code == 0
    try:
        listed = outrider("secrets", "list")
        assert "TOKEN\tjobs\t\tyou" in listed.stdout and "from-a-pipe" not in listed.output
        assert alice.run('test "$TOKEN" = from-a-pipe', secrets=["TOKEN"])["exit_code"] == 0
    finally:
        assert outrider("secrets", "remove", "TOKEN").exit_code == 0
    assert outrider("secrets", "set", "--git", "github.com", typed="x").exit_code == 2
    assert outrider("secrets", "set", "EMPTY", typed="").exit_code == 2
    assert outrider("secrets", "set", "T", "--group", "others", typed="x").exit_code == 1


def test_usage_and_storage(outrider: Run, alice: User) -> None:
    job = alice.run("sleep 1", machine="small", project="counted")
    report = json.loads(outrider("usage", "--by", "project", "--json").stdout)
    hours = {row["keys"]["project"]: row["hours"] for row in report["items"]}
    assert hours["counted"] > 0 and job["cost"] > 0
    assert outrider("usage", "--by", "project", "--csv").stdout.startswith("project,hours,gpu_hours,cost")
    assert outrider("usage", "--all").exit_code == 4
    assert outrider("usage", "--since", "yesterday").exit_code == 2
    use = {holding["subject"]: holding for holding in items(outrider("storage", "use", "--json"))}
    assert use["user:alice"]["used"] is not None and "group:team" in use
