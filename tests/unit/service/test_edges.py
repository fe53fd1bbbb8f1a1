"""The edges: submissions, names, zips, tickets, headers of the proxy, ranges."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from tornado.httputil import HTTPHeaders

from outrider_service.api.errors import ApiError, from_validation
from outrider_service.api.files import parse_range
from outrider_service.auth import Caller, header_token
from outrider_service.endpoints import tickets
from outrider_service.endpoints.proxy import confined_cookie, request_headers
from outrider_service.jobs.store import BadCursor, decode_cursor
from outrider_service.jobs.submit import default_name
from outrider_service.schema.jobs import Submission
from outrider_service.storage.directories import slug
from outrider_service.storage.trees import BadPath, clean


def submission(**fields: Any) -> Submission:
    return Submission.model_validate_json(json.dumps(fields))


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"command": "python train.py --lr 1"}, "train.py"),
        ({"args": ["python", "/workspace/a/b.py"]}, "b.py"),
        ({"command": "nvidia-smi -l"}, "nvidia-smi"),
        ({"notebook": "x/fit.ipynb", "workspace": {"type": "git", "url": "https://h/r"}}, "fit.ipynb"),
        ({"command": "\U0001f600"}, "jid"),
    ],
)
def test_a_job_without_a_name_gets_one(fields: dict[str, Any], name: str) -> None:
    assert default_name(submission(**fields), "jid") == name


@pytest.mark.parametrize("name", ["a", "Grüße", "训练", "run 1 (lr=0.1), #3"])
def test_names_people_use(name: str) -> None:
    assert submission(command="true", name=name).name == name


def test_the_field_is_named_in_the_error() -> None:
    with pytest.raises(ValidationError) as caught:
        submission(command="true", workspace={"type": "git", "url": "http://x/y"})
    error = from_validation(caught.value)
    assert (error.status, error.field) == (422, "workspace.url")


def test_cursors() -> None:
    with pytest.raises(BadCursor):
        decode_cursor("nonsense")
    with pytest.raises(BadCursor):
        decode_cursor("\x00")


@given(st.text(max_size=60))
def test_slugs_are_safe_and_apart(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", slug(name))
    assert slug(name) != slug(name + "x")


def test_the_default_servers_slug_is_nobody_elses() -> None:
    assert slug("") not in {slug(name) for name in ("default", "_default", "-", "_", " ")}


@pytest.mark.parametrize(("path", "plain"), [("a/b", "a/b"), ("/a//./b/", "a/b"), ("", ""), (".", "")])
def test_clean_paths(path: str, plain: str) -> None:
    assert clean(path) == plain


@pytest.mark.parametrize("path", ["..", "a/../b", "a/..", "x\x00"])
def test_paths_that_leave(path: str) -> None:
    with pytest.raises(BadPath):
        clean(path)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=5-", (5, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-30", (0, 10)),
        ("bytes=0-99", (0, 10)),
        ("bytes=0-1,3-4", None),
        ("lines=0-1", None),
        ("bytes=-", None),
    ],
)
def test_ranges(header: str, found: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == found


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=5-4", "bytes=-0"])
def test_ranges_outside(header: str) -> None:
    with pytest.raises(ApiError) as caught:
        parse_range(header, 10)
    assert caught.value.status == 416


def test_scopes_are_held_against_owner_and_group() -> None:
    read = "custom:outrider:jobs:read"
    write = "custom:outrider:jobs:write"
    alice = Caller("alice", "user", False, ("team",), frozenset({f"{read}!user=alice", f"{write}!user=alice"}))
    assert alice.may(read, "alice")
    assert not alice.may(read, "bob")
    assert alice.may(read, "bob", "team")
    assert not alice.may(write, "bob", "team")
    assert not alice.may(read)
    admin = Caller("root", "user", True, (), frozenset({read}))
    assert admin.may(read, "bob")
    assert admin.may(read)
    lead = Caller("lead", "user", False, (), frozenset({f"{write}!group=team"}))
    assert lead.may(write, "bob", "team")
    assert not lead.may(write, "bob", "other")
    assert not Caller("x", "user", False, ("team",), frozenset()).may(read, "bob", "team"), "no scope of one's own"


@pytest.mark.parametrize(
    ("header", "token"), [("token a", "a"), ("Bearer a", "a"), ("Basic a", None), ("token ", None), (None, None)]
)
def test_tokens_in_headers(header: str | None, token: str | None) -> None:
    assert header_token(header) == token


def test_tickets_open_one_port_once(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = tickets.Tickets(b"k" * 32)
    word = desk.issue("enter", "alice", "j1", 8080, 60)
    claims = desk.check(word, "enter", "j1", 8080)
    assert claims is not None
    assert claims.user == "alice"
    assert desk.check(word, "cookie", "j1", 8080) is None
    assert desk.check(word, "enter", "j2", 8080) is None
    assert desk.check(word, "enter", "j1", 8081) is None
    assert desk.check(word[:-1] + ("0" if word[-1] != "0" else "1"), "enter", "j1", 8080) is None
    assert desk.check("", "enter", "j1", 8080) is None
    assert tickets.Tickets(b"other" * 8).check(word, "enter", "j1", 8080) is None
    assert desk.use_up(claims)
    assert not desk.use_up(claims)
    monkeypatch.setattr(tickets, "now", lambda: claims.expires + 1)
    assert desk.check(word, "enter", "j1", 8080) is None


def test_what_a_program_sees_of_a_request() -> None:
    headers = HTTPHeaders(
        {
            "Authorization": "token secret",
            "Cookie": "jupyterhub-session-id=1; mine=2; service-outrider=3",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "X-Forwarded-For": "spoofed",
            "Transfer-Encoding": "chunked",
            "Accept": "*/*",
        }
    )
    found = request_headers(
        headers,
        "host:1",
        {"X-Forwarded-For": "real"},
        keep_authorization=False,
        drop_cookies=re.compile("jupyterhub|service-"),
    )
    assert sorted(found) == sorted(
        [("Host", "host:1"), ("Cookie", "mine=2"), ("Accept", "*/*"), ("X-Forwarded-For", "real")]
    )


def test_cookies_are_confined_to_their_host() -> None:
    assert confined_cookie("a=1; Domain=.example.org; Path=/; HttpOnly") == "a=1; Path=/; HttpOnly"
