"""Parses durations, sizes, parameters and ports as users write them. Pure.

Raises ValueError with a message for invalid text.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_MEBI = {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}


def duration(text: str | int) -> int:
    """Seconds from ``90``, ``90s``, ``30m``, ``2h``, ``1d`` or ``1h30m``."""
    if isinstance(text, int):
        return _positive(text, str(text))
    compact = text.strip().lower().replace(" ", "")
    if re.fullmatch(r"\d+", compact):
        return _positive(int(compact), text)
    if not re.fullmatch(r"(\d+(\.\d+)?[smhd])+", compact):
        raise ValueError(f"{text!r} is not a time such as 90s, 30m, 2h or 1h30m")
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", compact)
    return _positive(round(sum(float(number) * _SECONDS[unit] for number, unit in parts)), text)


def _positive(seconds: int, text: str) -> int:
    if seconds < 1:
        raise ValueError(f"{text!r} must be greater than zero")
    return seconds


def mebibytes(text: str | int) -> int:
    """MiB from ``512``, ``512m`` or ``2g``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([mgt]?)(i?b)?", str(text).strip().lower())
    if not found or float(found[1]) <= 0:
        raise ValueError(f"{text!r} is not a size such as 512m or 2g")
    return math.ceil(float(found[1]) * _MEBI[found[2]])


def port(text: str) -> int:
    """A port that the job listens on: ``8080``, or ``8080:8080``, of which the second is the job's."""
    found = re.fullmatch(r"(?:\d{1,5}:)?(\d{1,5})", text.strip())
    if not found or not 1024 <= int(found[1]) <= 65535:
        raise ValueError(f"{text!r} is not a port from 1024 to 65535, such as 8080")
    return int(found[1])


def pair(text: str) -> tuple[str, str]:
    """``NAME=VALUE``."""
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise ValueError(f"{text!r} must be NAME=VALUE")
    return name, value


def param(text: str) -> Any:
    """A parameter's value: parsed as JSON if possible, else the text itself."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    # 1e999 would become infinity, which JSON does not have.
    return text if isinstance(value, float) and not math.isfinite(value) else value


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def ago(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = max(0, round(seconds))
    days, rest = divmod(whole, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {left}s" if minutes else f"{left}s"
