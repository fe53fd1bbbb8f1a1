"""What would become of a submission, asked before it is sent."""

from __future__ import annotations

from typing import Any

from tests.integration.harness import User


def look(user: User, **fields: Any) -> dict[str, Any]:
    answer = user.http.post("/jobs/preflight", json={"command": "true", **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_what_fits_is_said_with_its_price_and_nothing_is_kept(alice: User) -> None:
    before = alice.get("/jobs").json()["items"]
    machine = alice.get("/machines").json()["items"][0]
    found = look(alice, machine=machine["name"])
    assert (found["machine"], found["price_per_hour"]) == (machine["name"], machine["price_per_hour"])
    assert {item["check"]: item["answer"] for item in found["items"]}["room"] == "yes"
    assert alice.get("/jobs").json()["items"] == before


def test_what_would_be_refused_says_why_in_the_words_of_the_refusal(alice: User) -> None:
    wanted = {"command": "true", "secrets": ["NOT_SET"]}
    (found,) = look(alice, **wanted)["items"]
    refused = alice.http.post("/jobs", json=wanted)
    assert (found["answer"], found["field"], found["message"]) == (
        "no",
        refused.json()["field"],
        refused.json()["message"],
    )


def test_what_no_machine_could_ever_take_is_told(alice: User) -> None:
    huge = next(one for one in alice.get("/machines").json()["items"] if one["total"] == 0)
    room = look(alice, machine=huge["name"])["items"][0]
    assert (room["answer"], room["field"]) == ("no", "machine")
    assert "smaller" in room["message"]
