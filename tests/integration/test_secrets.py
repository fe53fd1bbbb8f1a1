"""Secrets reach the jobs that name them, and nobody else."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.harness import ServiceProcess, User

VALUE = 'k3y-"quoted" and\\slashed'


@pytest.fixture
def secret(alice: User) -> Iterator[Callable[..., None]]:
    """Sets a secret that is gone after the test."""
    made: list[tuple[User, str]] = []

    def put(name: str, value: str = VALUE, user: User = alice, group: str | None = None, **more: str) -> None:
        query = f"?group={group}" if group else ""
        kind = "" if "/" in name else "variable/"
        answer = user.put(f"/secrets/{kind}{name}{query}", json={"value": value, **more})
        assert answer.status_code == 200, answer.text
        assert value not in answer.text
        made.append((user, f"/secrets/{kind}{name}{query}"))

    yield put
    for user, path in made:
        user.delete(path)


SHOW = "import os, json; v = os.environ['API_KEY']; print(len(v)); print('it is', v, '!'); print(json.dumps({'v': v}))"


def test_a_job_has_the_secret_and_its_log_does_not(
    alice: User, service: ServiceProcess, secret: Callable[..., None]
) -> None:
    secret("API_KEY")
    job = alice.ended(alice.code(SHOW, secrets=["API_KEY"]))
    assert job["status"] == "succeeded"
    assert alice.lines(job["id"]) == [str(len(VALUE)), "it is *** !", '{"v": "***"}']
    # Neither in the record, nor in lists of secrets, nor in anything that the service keeps.
    assert job["secrets"] == ["API_KEY"] and VALUE not in json.dumps(job)
    listed = alice.get("/secrets")
    assert VALUE not in listed.text and "API_KEY" in listed.text
    for path in service.home.rglob("*"):
        if path.is_file() and path.name != "snapshot.zip":
            assert b'k3y-"quoted"' not in path.read_bytes(), path
    assert 'k3y-"quoted"' not in service.log


def test_a_secret_with_several_lines_is_hidden_line_by_line(alice: User, secret: Callable[..., None]) -> None:
    secret("DEPLOY_KEY", "-----BEGIN-----\nabcdefgh\nijklmnop\n-----END-----\n")
    job = alice.ended(alice.submit('echo "$DEPLOY_KEY"; echo plain', secrets=["DEPLOY_KEY"]))
    assert alice.lines(job["id"]) == ["***", "***", "***", "***", "", "plain"]


def test_an_unknown_secret_is_refused_by_name(alice: User, bob: User, secret: Callable[..., None]) -> None:
    secret("API_KEY", user=bob)
    answer = alice.post("/jobs", json={"command": "true", "machine": "tiny", "secrets": ["API_KEY"]})
    assert answer.status_code == 422 and answer.json()["field"] == "secrets" and "API_KEY" in answer.text


def test_a_groups_secret_is_its_members(alice: User, bob: User, carol: User, secret: Callable[..., None]) -> None:
    secret("SHARED", "of-the-team", user=alice, group="team")
    command = 'test "$SHARED" = of-the-team'
    assert carol.run(command, secrets=["SHARED"])["exit_code"] == 0
    # One's own comes first.
    secret("SHARED", "of-carol", user=carol)
    assert carol.run('test "$SHARED" = of-carol', secrets=["SHARED"])["exit_code"] == 0
    assert bob.post("/jobs", json={"command": "true", "secrets": ["SHARED"]}).status_code == 422
    assert bob.put("/secrets/variable/SHARED?group=team", json={"value": "x"}).json()["field"] == "group"
    assert "SHARED" not in bob.get("/secrets").text


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("variable/1X", {"value": "x"}, "name"),
        ("variable/OUTRIDER_X", {"value": "x"}, "name"),
        ("variable/X", {"value": ""}, "value"),
        ("variable/X", {"value": "a\0b"}, "value"),
        ("registry/not a host", {"value": "x", "account": "me"}, "name"),
        ("registry/ghcr.io", {"value": "x"}, "account"),
        ("git/github.com", {"value": "x", "account": "a:b"}, "account"),
        ("git/git hub", {"value": "x", "account": "a"}, "name"),
        ("other/X", {"value": "x"}, "kind"),
    ],
)
def test_what_cannot_be_a_secret_is_refused_by_field(alice: User, path: str, body: dict[str, str], field: str) -> None:
    answer = alice.put(f"/secrets/{path}", json=body)
    assert answer.status_code == 422 and answer.json()["field"] == field, answer.text


def test_secrets_outlive_a_fresh_key_and_a_killed_service(
    make_service: Callable[..., ServiceProcess],
) -> None:
    service = make_service().start()
    alice, root = service.user("alice"), service.user("root")
    alice.put("/secrets/variable/TOKEN", json={"value": "first-value"})
    keys = service.home / "secrets.keys"
    before = keys.read_text()
    assert keys.stat().st_mode & 0o777 == 0o600
    assert root.post("/secrets/rotate").json() == {"sealed": 1}
    assert keys.read_text() != before and len(keys.read_text().split()) == 1
    service.kill()
    service.start()
    assert alice.run('test "$TOKEN" = first-value', secrets=["TOKEN"])["exit_code"] == 0
    # A database whose key is lost says so instead of running without.
    service.stop()
    keys.unlink()
    service.start()
    lost = alice.run("true", secrets=["TOKEN"])
    assert lost["status"] == "failed" and "Set the secret again" in lost["message"]


def test_git_is_answered_for_its_own_server_alone(tmp_path: Path) -> None:
    from outrider.runner.git import _login

    spec = {"url": "https://git.example:8443/team/x.git", "login": ["me", "s3cret"]}
    env = _login(spec, tmp_path)

    def asked(prompt: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [env["GIT_ASKPASS"], prompt], env={**os.environ, **env}, capture_output=True, text=True, check=False
        )

    assert asked("Username for 'https://git.example:8443': ").stdout == "me\n"
    assert asked("Password for 'https://me@git.example:8443': ").stdout == "s3cret\n"
    for elsewhere in ("https://evil.example", "https://git.example:8443.evil.example", "https://git.example"):
        assert asked(f"Username for '{elsewhere}': ").returncode == 1
        assert asked(f"Password for '{elsewhere.replace('//', '//me@')}': ").returncode == 1
    assert "s3cret" not in Path(env["GIT_ASKPASS"]).read_text()


def test_a_private_repository(alice: User, secret: Callable[..., None], tmp_path: Path) -> None:
    """git itself asks for the account; what is given is that of the repository's host."""
    answer = alice.submit("true", workspace={"type": "git", "url": "https://127.0.0.1:9/team/x.git"})
    ended = alice.ended(answer)
    assert ended["reason"] == "workspace_failed"
    secret("git/127.0.0.1:9", "gitpass-123", account="me")
    job = alice.ended(alice.submit("true", workspace={"type": "git", "url": "https://127.0.0.1:9/team/x.git"}))
    assert "gitpass-123" not in json.dumps(job)


def test_registry_credentials_are_used_and_never_shown(alice: User, root: User) -> None:
    assert (
        alice.put("/secrets/registry/index.docker.io", json={"account": "me", "value": "hub-pass"}).status_code == 200
    )
    listed: list[dict[str, Any]] = alice.get("/secrets").json()["items"]
    assert [(s["kind"], s["name"], s["account"]) for s in listed] == [("registry", "docker.io", "me")]
    assert alice.delete("/secrets/registry/docker.io").status_code == 204
    assert root.put("/registries/ghcr.io", json={"account": "bot", "value": "token"}).status_code == 200
    assert [s["everybody"] for s in alice.get("/secrets").json()["items"]] == [True]
    assert root.delete("/registries/ghcr.io").status_code == 204
    assert base64.b64encode(b"bot:token").decode() not in alice.get("/secrets").text
