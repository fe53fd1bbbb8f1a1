"""Requests to addresses that users name (registries, webhooks), kept away from internal networks."""

from .guard import AddressRefused, Guard
from .http import Answer, Failure, Outbound

__all__ = ["AddressRefused", "Answer", "Failure", "Guard", "Outbound"]
