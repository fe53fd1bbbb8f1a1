"""Answers of the API travel compressed; streams and downloads as they are."""

from __future__ import annotations

import gzip
import json

import httpx
import pytest

from tests.integration.harness import User

NAMES = [f"compressible-{n}" for n in range(40)]


def raw(user: User, path: str, **headers: str) -> tuple[httpx.Headers, bytes]:
    """The answer as it came over the wire."""
    with user.http.stream("GET", path, headers={"Accept-Encoding": "gzip", **headers}) as answer:
        answer.raise_for_status()
        return answer.headers, b"".join(answer.iter_raw())


@pytest.fixture(scope="module")
def job(alice: User) -> str:
    text = json.dumps({"names": NAMES})
    return str(alice.run(f"echo '{text}' > /artifacts/names.json; echo '{text}'")["id"])


def test_a_list_is_compressed_for_who_takes_it(alice: User, job: str) -> None:
    headers, body = raw(alice, "/jobs")
    assert headers["content-encoding"] == "gzip"
    assert any(item["id"] == job for item in json.loads(gzip.decompress(body))["items"])
    plain = alice.get("/jobs", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert any(item["id"] == job for item in plain.json()["items"])


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/jobs/{job}/artifacts/names.json", {}),
        ("/jobs/{job}/artifacts/names.json", {"Range": "bytes=0-1999"}),
        ("/jobs/{job}/logs", {"Accept": "text/event-stream"}),
    ],
)
def test_files_and_streams_are_not(alice: User, job: str, path: str, headers: dict[str, str]) -> None:
    found, body = raw(alice, path.format(job=job), **headers)
    assert "content-encoding" not in found
    assert b"compressible-3" in body


def test_a_short_answer_is_not_worth_it(alice: User) -> None:
    headers, body = raw(alice, "/health")
    assert "content-encoding" not in headers
    assert json.loads(body)
