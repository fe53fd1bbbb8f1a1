"""Webhooks: notifications are written in the transaction of the event and delivered until they arrive."""

from .outbox import BUDGET_WARNING, EVENTS, JOB_ENDED, NOTEBOOK_STOPPING, put

__all__ = ["BUDGET_WARNING", "EVENTS", "JOB_ENDED", "NOTEBOOK_STOPPING", "put"]
