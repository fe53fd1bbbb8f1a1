"""Tells what would happen to a submission before it is sent. Pure: the handler passes in the current state."""

from __future__ import annotations

from ..catalog import MachineType
from ..schema.jobs import Finding


def room(machine: MachineType, total: int | None, free: int | None, waiting: int, nodes: int) -> Finding:
    """Whether the platform could ever run the job, and whether it would start at once."""
    several = f"{nodes} of {machine.name}" if nodes > 1 else f"a {machine.name}"
    if total is not None and total < nodes:
        advice = "a smaller type" if nodes == 1 or total == 0 else f"no more than {total}"
        return Finding(
            check="room",
            answer="no",
            message=f"The platform is too small for {several}: use {advice}.",
            field="machine",
        )
    if free is None:
        return Finding(check="room", answer="unknown", message="The free capacity is unknown on this platform.")
    if free >= nodes and waiting == 0:
        return Finding(check="room", answer="yes", message="The job starts immediately.")
    ahead = f"; {waiting} {'job waits' if waiting == 1 else 'jobs wait'} for this type" if waiting else ""
    return Finding(check="room", answer="yes", message=f"The job waits until {several} is free{ahead}.")


def queue(pending: int, most: int | None) -> Finding | None:
    """Whether one more job may be queued; None without a limit."""
    if most is None:
        return None
    if pending >= most:
        text = f"You have {pending} waiting jobs, which is the limit ({most}). Stop some first."
        return Finding(check="limits", answer="no", message=text)
    return Finding(check="limits", answer="yes", message="Within your limits.")
