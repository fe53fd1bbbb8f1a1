"""When a notebook stops by itself, and why: one rule for the culler that does it and the pages that announce it.

Pure. Times are seconds since 1970, durations seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a machine type. ``idle_s`` 0: never; None: the platform's default. For the others None means no
    rule."""

    idle_s: int | None = None
    max_age_s: int | None = None
    gpu_idle_s: int | None = None
    own_age: bool = False
    """Whether the notebook's owner chose the maximum age."""


class TooLong(ValueError):
    """A chosen time exceeds what the machine type allows; ``field`` names it."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


def check_choice(rules: Rules, max_age_s: int | None, idle_s: int | None, default_idle_s: float) -> None:
    """Raises TooLong if a choice exceeds what the machine type allows."""
    if max_age_s is not None and rules.max_age_s is not None and max_age_s > rules.max_age_s:
        raise TooLong("max_age_s", f"this machine type stops notebooks after {duration(rules.max_age_s)} at the latest")
    most = default_idle_s if rules.idle_s is None else rules.idle_s
    if idle_s is not None and most and idle_s > most:
        raise TooLong("idle_timeout_s", f"this machine type allows at most {duration(most)} of idle time")


def chosen(rules: Rules, max_age_s: int | None, idle_s: int | None) -> Rules:
    """The machine type's rules, overridden by the owner's choices, which have been checked."""
    age = rules.max_age_s if max_age_s is None else max_age_s
    return Rules(rules.idle_s if idle_s is None else idle_s, age, rules.gpu_idle_s, own_age=max_age_s is not None)


@dataclass(frozen=True, slots=True)
class Life:
    """Activity of a running notebook. ``used_at`` is the Hub's last activity; ``gpu_used_at`` is None if its GPUs
    are not watched."""

    started_at: float
    used_at: float
    gpu_used_at: float | None = None
    kept_at: float | None = None


@dataclass(frozen=True, slots=True)
class ScheduledStop:
    """A coming stop. ``final``: activity does not postpone it."""

    at: float
    reason: str
    final: bool = False


def next_stop(rules: Rules, life: Life, default_idle_s: float) -> ScheduledStop | None:
    """The earliest stop under the rules; None: it runs until somebody stops it."""
    found = []
    idle_s = default_idle_s if rules.idle_s is None else rules.idle_s
    if idle_s:
        used = max(life.used_at, life.started_at)
        found.append(ScheduledStop(used + idle_s, f"idle for {duration(idle_s)}"))
    if rules.gpu_idle_s and life.gpu_used_at is not None:
        used = max(life.gpu_used_at, life.kept_at or 0.0, life.started_at)
        found.append(ScheduledStop(used + rules.gpu_idle_s, f"its GPU was idle for {duration(rules.gpu_idle_s)}"))
    if rules.max_age_s:
        what = "its owner chose to stop it" if rules.own_age else "this machine type stops notebooks"
        text = f"{what} after {duration(rules.max_age_s)}, used or idle"
        found.append(ScheduledStop(life.started_at + rules.max_age_s, text, final=True))
    return min(found, key=lambda stop: stop.at, default=None)


def duration(seconds: float) -> str:
    """7 days, 12 hours, 90 minutes, 3 seconds: the largest unit that makes a whole number of at least one."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length and seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{seconds:g} second{'' if seconds == 1 else 's'}"
