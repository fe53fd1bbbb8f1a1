"""Requests to addresses that users name (registries, webhooks), kept away from internal networks."""

from .guard import Guard, Refusal
from .http import Answer, Failure, Outbound

__all__ = ["Answer", "Failure", "Guard", "Outbound", "Refusal"]
