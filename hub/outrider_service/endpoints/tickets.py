"""Signed, short-lived tokens: the one-time ticket that leads from the Hub's origin to a port's own host, and the
cookie that stays there.

Both are "<base64 of the claims>.<HMAC-SHA256>"; the purpose is part of what is signed, so that neither passes for
the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from typing import Final

from ..clock import now

TICKET_S: Final = 60.0
COOKIE_S: Final = 12 * 3600.0


@dataclass(frozen=True, slots=True)
class Claims:
    """Who may enter which port until when."""

    purpose: str
    user: str
    job: str
    port: int
    expires: float
    nonce: str


class Tickets:
    """Issues and checks tokens. Used tickets are remembered in memory, so after a restart one may pass again
    within 60 s."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._used: dict[str, float] = {}

    def _sign(self, payload: bytes) -> str:
        return hmac.new(self._key, payload, hashlib.sha256).hexdigest()

    def issue(self, purpose: str, user: str, job: str, port: int, lifetime_s: float) -> str:
        claims = Claims(purpose, user, job, port, now() + lifetime_s, secrets.token_hex(16))
        payload = base64.urlsafe_b64encode(json.dumps(asdict(claims)).encode())
        return f"{payload.decode()}.{self._sign(payload)}"

    def check(self, word: str, purpose: str, job: str, port: int) -> Claims | None:
        """The claims of a valid token for this port, or None."""
        payload, _, signature = word.rpartition(".")
        # Compare bytes: ``compare_digest`` takes only ASCII strings, and this input may be anything.
        if not hmac.compare_digest(self._sign(payload.encode()).encode(), signature.encode()):
            return None
        claims = Claims(**json.loads(base64.urlsafe_b64decode(payload)))
        fits = (claims.purpose, claims.job, claims.port) == (purpose, job, port)
        return claims if fits and claims.expires > now() else None

    def use_up(self, claims: Claims) -> bool:
        """Mark the ticket as used. True the first time."""
        time = now()
        self._used = {nonce: expires for nonce, expires in self._used.items() if expires > time}
        if claims.nonce in self._used:
            return False
        self._used[claims.nonce] = claims.expires
        return True
