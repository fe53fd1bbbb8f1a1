"""Builds a message by the Standard Webhooks specification, for which verification libraries exist. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from typing import Any, Final

import orjson

PREFIX: Final = "whsec_"
DELAYS_S: Final = (5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600)
"""Delays between tries; after the last one the message is dropped."""


def new_key() -> str:
    """A new signing key, shown to the user once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    mac = hmac.new(raw, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def build(
    key: str, message_id: str, event: str, data: dict[str, Any], created: float, now: float
) -> tuple[bytes, dict[str, str]]:
    """Body and headers. The signature covers the time of this try, so that an old message cannot be replayed."""
    told = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    body = orjson.dumps({"type": event, "timestamp": told, "data": data})
    return body, {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": signature(key, message_id, int(now), body),
    }


def next_try(attempts: int, now: float) -> float | None:
    """When to try again after this many failures; None: drop the message."""
    return now + DELAYS_S[attempts - 1] if attempts <= len(DELAYS_S) else None
