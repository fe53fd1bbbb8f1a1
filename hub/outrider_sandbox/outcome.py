"""How the end of a sandbox is described: a reason for programs, a sentence for people. Pure."""

from __future__ import annotations

import signal


def describe(
    code: int | None,
    *,
    oom: bool = False,
    stopped: bool = False,
    machine_stopped: bool = False,
    killed_late: bool = False,
    limit: int | None = None,
    said: str = "",
) -> tuple[str, str | None]:
    if code is None and not (stopped or oom):
        return "error", f"The command could not be started{f': {said}' if said else '.'}"
    if machine_stopped:
        return "node_lost", "The machine, or the session that this ran in, was shut down."
    if stopped:
        late = " It had not ended in the time it was given, and was killed." if killed_late else ""
        return "stopped", f"Stopped as asked.{late}"
    if oom and code != 0:
        return "out_of_memory", f"It used more memory than its limit of {size(limit)}."
    if code == 0:
        return "exited", None
    assert code is not None
    return "exited", f"Killed by {name}." if (name := signal_name(code)) else f"Ended with exit code {code}."


def signal_name(code: int) -> str | None:
    """The signal that an exit code above 128 stands for, as in shells; None for other codes."""
    try:
        return signal.Signals(code - 128).name if code > 128 else None
    except ValueError:
        return None


def size(count: int | None) -> str:
    if count is None:
        return "the machine"
    value, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.3g} {units[0]}"
