"""Sealing, and hiding in what is printed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

import pytest

from outrider_service.notifications.message import build, new_key, next_try, signature
from outrider_service.vault import Unreadable
from outrider_service.vault.masking import masker
from outrider_service.vault.sealing import Seal

PLACE = ["user:alice", "variable", "KEY"]


def test_what_is_sealed_opens_in_its_place_alone(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "keys")
    sealed = seal.close(PLACE, {"value": "x"})
    assert seal.open(PLACE, sealed) == {"value": "x"}
    with pytest.raises(Unreadable):
        seal.open(["user:bob", "variable", "KEY"], sealed)
    with pytest.raises(Unreadable):
        seal.open(PLACE, sealed[:-4] + "AAA=")
    assert Seal(tmp_path / "keys").open(PLACE, sealed) == {"value": "x"}


def test_a_fresh_key_replaces_the_old_one(tmp_path: Path) -> None:
    seal = Seal(tmp_path / "keys")
    old = seal.close(PLACE, {"value": "x"})
    seal.add_key()
    # Killed here, both keys are there.
    assert Seal(tmp_path / "keys").open(PLACE, old) == {"value": "x"}
    fresh = seal.again(old)
    seal.drop_old_keys()
    after = Seal(tmp_path / "keys")
    assert after.open(PLACE, fresh) == {"value": "x"}
    with pytest.raises(Unreadable):
        after.open(PLACE, old)


@pytest.mark.parametrize(
    ("values", "printed", "seen"),
    [
        (["hunter22"], b"pw=hunter22!", b"pw=***!"),
        (["abc"], b"abc is too short to be hidden", b"abc is too short to be hidden"),
        (["longer-secret", "longer"], b"longer-secret and longer", b"*** and ***"),
        (['say "hi"'], b'{"v": "say \\"hi\\""}', b'{"v": "***"}'),
        (["line-one\nline-two"], b"line-one\nline-two", b"***\n***"),
        (
            ["p@ss/w\u00f6rd"],
            b"https://me:p%40ss%2Fw%C3%B6rd@host/ {'v': 'p@ss/w\\u00f6rd'}",
            b"https://me:***@host/ {'v': '***'}",
        ),
        (["abcd"], b"coded: YWJjZA== YWJjZAo= and YWJj", b"coded: *** *** and YWJj"),
    ],
)
def test_hidden_in_what_is_printed(values: list[str], printed: bytes, seen: bytes) -> None:
    mask = masker(values)
    assert (mask(printed) if mask else printed) == seen


@pytest.mark.parametrize("before", [b"", b"u", b"me", b"me:", b"user:"])
@pytest.mark.parametrize("after", [b"", b"\n", b"@host", b"!!"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_hidden_in_base64_wherever_it_stands(before: bytes, after: bytes, encode: Callable[[bytes], bytes]) -> None:
    mask = masker(["s3cret~?value>"])
    assert mask is not None
    printed = encode(before + b"s3cret~?value>" + after)
    seen = mask(b"Authorization: Basic " + printed)
    assert b"***" in seen
    # What is left says nothing of the value but some bits at its ends.
    left = seen.removeprefix(b"Authorization: Basic ").replace(b"***", b"")
    assert len(left) <= len(encode(before)) + len(encode(after)) + 3


def test_a_key_in_base64_is_hidden_in_lines_as_well() -> None:
    key = "-----BEGIN KEY-----\n" + "\n".join("abcdefgh"[n % 8] * 64 for n in range(20)) + "\n-----END KEY-----"
    mask = masker([key + "\n"])
    assert mask is not None
    for printed in (key, key + "\n"):
        assert set(mask(base64.encodebytes(printed.encode())).split()) == {b"***"}
    assert mask(base64.b64encode(key.encode())) == b"***"


def test_a_message_is_signed_as_receivers_expect() -> None:
    """The example of the Standard Webhooks specification."""
    body = b'{"test": 2432232314}'
    said = signature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert said == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    key = new_key()
    body, headers = build(key, "msg_1", "test", {"a": 1}, 1.0, 100.0)
    assert headers["webhook-signature"] == signature(key, "msg_1", 100, body)


def test_tries_grow_apart_and_end() -> None:
    waits = [next_try(n, 0) for n in range(1, 10)]
    assert waits[0] == 5 and waits[-1] is None
    known = [w for w in waits if w is not None]
    assert known == sorted(known)
