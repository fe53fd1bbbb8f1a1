"""Requests to addresses that users name (registries, webhooks): nothing inside can be reached by a clever name."""

from .guard import Guard, Refusal
from .http import Answer, Failure, Outbound

__all__ = ["Answer", "Failure", "Guard", "Outbound", "Refusal"]
