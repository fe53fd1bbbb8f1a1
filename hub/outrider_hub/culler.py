"""The culler: stops notebook servers that have been idle for the time set by their machine type or the platform.

A program of its own, started by the Hub. It reads the running servers and their last activity from the Hub and the
rules for each from the service, and asks the Hub to stop those that are due. It keeps no state: if the Hub or the
service does not answer, the next round retries, and a restarted culler carries on."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import aiohttp

from outrider_service.contracts.spawning import HeldNotebook, HeldNotebookList
from outrider_service.contracts.stopping import Life, Rules, ScheduledStop, next_stop

from .lifeline import end_with
from .scopes import CULLER

TIMEOUT_S = 30.0
PAGE = 200
MOST_WARNED_S = 1800.0
"""How long before the stop its owner is notified; at most a quarter of the whole time."""
log = logging.getLogger("outrider.culler")


def managed_service(
    hub_pid: int, timeout_s: float, every_s: float, service_url: str, service_token: str
) -> dict[str, Any]:
    """The culler as a JupyterHub service; with a timeout of 0 only machine types' own rules apply."""
    options = [f"--timeout={timeout_s}", f"--every={every_s}", f"--service-url={service_url}"]
    return {
        "name": CULLER,
        "display": False,
        "command": [sys.executable, "-m", "outrider_hub.culler", str(hub_pid), *options],
        "environment": {"OUTRIDER_SPAWNER_TOKEN": service_token},
    }


@dataclass(frozen=True, slots=True)
class Server:
    """A running notebook as the Hub describes it."""

    user: str
    name: str
    started_at: float
    used_at: float

    @property
    def hub_path(self) -> str:
        user = quote(self.user, safe="")
        return f"/users/{user}/servers/{quote(self.name, safe='')}" if self.name else f"/users/{user}/server"

    @property
    def service_path(self) -> str:
        return f"/spawns/{quote(self.user, safe='')}/{quote(self.name, safe='') or '-'}"


def running(user: dict[str, Any]) -> list[Server]:
    """A user's servers that are ready and neither starting nor stopping."""
    found = []
    for name, model in (user.get("servers") or {}).items():
        if model.get("ready") and not model.get("pending") and model.get("started"):
            started = seconds(model["started"])
            found.append(Server(user["name"], name, started, seconds(model.get("last_activity")) or started))
    return found


def seconds(time: str | None) -> float:
    """The Hub's time format as seconds since 1970; 0.0 for None."""
    return datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp() if time else 0.0


def stop_of(server: Server, held: HeldNotebook | None, default_idle_s: float) -> ScheduledStop | None:
    """The server's coming stop. Only the platform's default applies to a server that the service does not know."""
    if held is None:
        return next_stop(Rules(), Life(server.started_at, server.used_at), default_idle_s)
    rules = Rules(held.idle_timeout_s, held.max_age_s, held.gpu_idle_timeout_s, held.own_age)
    looked, kept = held.gpu_used_at, held.kept_at
    life = Life(
        server.started_at,
        server.used_at,
        looked.timestamp() if looked else None,
        kept.timestamp() if kept else None,
    )
    return next_stop(rules, life, default_idle_s)


class Api:
    """One of the two APIs, with a token. Calls raise aiohttp.ClientError and TimeoutError."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        headers = {"Authorization": f"token {token}"}
        self.session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))

    async def call(self, method: str, path: str, *fine: int, **options: Any) -> Any:
        """The response's JSON; None if there is none or the status is in ``fine``."""
        async with self.session.request(method, self._url + path, **options) as answer:
            if answer.status in fine:
                return None
            answer.raise_for_status()
            return await answer.json() if answer.content_type == "application/json" else None


class Culler:
    """Rounds over all running servers."""

    def __init__(self, hub: Api, service: Api, default_idle_s: float) -> None:
        self._hub = hub
        self._service = service
        self._default_idle_s = default_idle_s
        self._warned: dict[tuple[str, str], float] = {}

    async def round(self, now: float) -> None:
        """Check every server once; what fails is left for the next round."""
        held = await self._held()
        # Read all pages before stopping any: a stop would shift later servers onto a page already read.
        servers = [server async for server in self._servers()]
        warned = {}
        for server in servers:
            key = (server.user, server.name)
            stop = stop_of(server, held.get(key), self._default_idle_s)
            if stop is None:
                continue
            try:
                if stop.at <= now:
                    await self._stop(server, held.get(key), now)
                elif stop.at - now <= min(MOST_WARNED_S, (stop.at - server.started_at) / 4):
                    if self._warned.get(key) != stop.at:
                        await self._tell(server, "culling", stop)
                    warned[key] = stop.at
            except (aiohttp.ClientError, TimeoutError) as error:
                log.warning("%s: %s; retrying in the next round", server.hub_path, error)
        self._warned = warned

    async def _held(self) -> dict[tuple[str, str], HeldNotebook]:
        """The service's rules for each server. If it does not answer, nothing is culled, since the rules may differ."""
        listed = HeldNotebookList.model_validate(await self._service.call("GET", "/spawns"))
        return {(held.user, held.server): held for held in listed.items}

    async def _servers(self) -> AsyncIterator[Server]:
        offset = 0
        while True:
            page = await self._hub.call("GET", "/users", params={"state": "ready", "offset": offset, "limit": PAGE})
            for user in page:
                for server in running(user):
                    yield server
            if len(page) < PAGE:
                return
            offset += PAGE

    async def _stop(self, seen: Server, held: HeldNotebook | None, now: float) -> None:
        """Check again: a server that was used, kept or restarted since the round began stays."""
        user = await self._hub.call("GET", f"/users/{quote(seen.user, safe='')}", 404)
        current = next((server for server in running(user or {}) if server.name == seen.name), None)
        if current is None or current.started_at != seen.started_at:
            return
        stop = stop_of(current, held, self._default_idle_s)
        if stop is None or stop.at > now:
            return
        # Before the stop, so that the reason is recorded even if this program is killed in between.
        await self._tell(current, "culled", stop)
        # 400: it no longer runs.
        await self._hub.call("DELETE", current.hub_path, 400, 404)
        log.info("stopped %s: %s", current.hub_path, stop.reason)

    async def _tell(self, server: Server, what: str, stop: ScheduledStop) -> None:
        body = {"stops_at": datetime.fromtimestamp(stop.at, UTC).isoformat(), "reason": stop.reason}
        await self._service.call("POST", f"{server.service_path}/{what}", 404, json=body)


async def cull(options: argparse.Namespace) -> None:
    """Run rounds forever."""
    hub = Api(os.environ["JUPYTERHUB_API_URL"], os.environ["JUPYTERHUB_API_TOKEN"])
    service = Api(options.service_url, os.environ["OUTRIDER_SPAWNER_TOKEN"])
    async with hub.session, service.session:
        culler = Culler(hub, service, options.timeout)
        while True:
            try:
                await culler.round(datetime.now(UTC).timestamp())
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                log.warning("Round failed (%s); the next is in %g s", error, options.every)
            await asyncio.sleep(options.every)


def main() -> None:
    """``python -m outrider_hub.culler HUB_PID OPTIONS…``"""
    parser = argparse.ArgumentParser(prog="outrider_hub.culler", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("hub_pid", type=int)
    parser.add_argument("--timeout", type=float, required=True, help="seconds of inactivity before a stop; 0: never")
    parser.add_argument("--every", type=float, required=True, help="seconds between rounds")
    parser.add_argument("--service-url", required=True, help="the service's API URL")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # Ctrl-C in the platform's terminal is not an error here.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    end_with(options.hub_pid)
    asyncio.run(cull(options))


if __name__ == "__main__":
    main()
