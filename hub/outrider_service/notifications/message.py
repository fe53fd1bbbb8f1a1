"""A notification as it is sent: by the Standard Webhooks conventions, which have libraries to check it. Pure."""

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
"""Between tries; after the last the message is given up."""


def new_key() -> str:
    """A key for signing; its receiver is shown it once."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(key: str, message_id: str, timestamp: int, body: bytes) -> str:
    raw = base64.b64decode(key.removeprefix(PREFIX))
    mac = hmac.new(raw, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def build(
    key: str, message_id: str, event: str, data: dict[str, Any], created: float, now: float
) -> tuple[bytes, dict[str, str]]:
    """Body and headers. The time that is signed is that of this try, so that an old message cannot be replayed."""
    told = datetime.fromtimestamp(created, UTC).isoformat().replace("+00:00", "Z")
    body = orjson.dumps({"type": event, "timestamp": told, "data": data})
    return body, {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": signature(key, message_id, int(now), body),
    }


def next_try(attempts: int, now: float) -> float | None:
    """When to try again after so many failures; None: give up."""
    return now + DELAYS_S[attempts - 1] if attempts <= len(DELAYS_S) else None
