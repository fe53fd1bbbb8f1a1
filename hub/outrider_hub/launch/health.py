"""Checks that the Hub and the service answer, directly and through the proxy."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx

from ..settings import Settings

LOOK_S = 0.3


def addresses(settings: Settings) -> list[tuple[str, str]]:
    """The URLs that must answer, in start order: first directly, then through the proxy."""
    hub, service = "/hub/health", "/services/outrider/api/v1/health"
    return [
        ("JupyterHub", f"http://127.0.0.1:{settings.hub_port}{hub}"),
        ("The Outrider service", f"http://127.0.0.1:{settings.service_port}{service}"),
        ("JupyterHub behind its proxy", f"{settings.local_url}{hub}"),
        ("The Outrider service behind the proxy", f"{settings.local_url}{service}"),
    ]


def healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=5, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def wait(settings: Settings, still_running: Callable[[], bool], timeout_s: float) -> str | None:
    """Wait until everything answers. Returns the name of what does not before the deadline or the Hub's end, or
    None."""
    deadline = time.monotonic() + timeout_s
    for name, url in addresses(settings):
        while not healthy(url):
            if not still_running() or time.monotonic() > deadline:
                return name
            time.sleep(LOOK_S)
    return None
