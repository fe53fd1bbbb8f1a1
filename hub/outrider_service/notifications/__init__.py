"""Webhooks: what users asked to be told is written down with what happened, and delivered until it has arrived."""

from .outbox import BUDGET_WARNING, EVENTS, JOB_ENDED, NOTEBOOK_STOPPING, put

__all__ = ["BUDGET_WARNING", "EVENTS", "JOB_ENDED", "NOTEBOOK_STOPPING", "put"]
