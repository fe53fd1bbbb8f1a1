"""The service put together: every part made once, started and stopped in order. The composition root."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from .auth import Authenticator
from .backends.base import Backend
from .backends.capacity import Room
from .backends.kubernetes import KubernetesBackend, load_settings
from .backends.local import LocalBackend, local_room
from .catalog import ConfiguredCatalog, load_catalog
from .db import Database
from .directories import Directories
from .endpoints.proxy import Proxy
from .endpoints.tickets import Tickets
from .hubapi import HubApi, HubUnreachable
from .instruments import Instruments
from .jobs.reconciler import Reconciler
from .jobs.scheduler import Scheduler
from .jobs.submit import Intake
from .logs.ingest import Ingest, Journals
from .logs.render import LineCache
from .signals import Signals
from .usage.spawns import Spawns
from .workspaces.snapshots import Snapshots

log = logging.getLogger(__name__)

LEASE_CHECK_S = 60.0
KEY_BYTES = 32


@dataclass(frozen=True)
class Settings:
    """What the operator decides. ``prefix`` ends with a slash; ``apps_origin`` is where ports' hosts live."""

    home: Path
    database: str
    catalog: Path
    prefix: str
    public_url: str
    apps_origin: str
    hub_address: str | None
    cull_timeout_s: float
    auth_cache_s: int
    isolation: str | None = None
    kubernetes: Path | None = None
    """The file that describes the cluster; None: jobs run on this machine."""


def kept_key(path: Path) -> bytes:
    """A random key; made once, kept private."""
    with contextlib.suppress(FileNotFoundError):
        key = path.read_bytes()
        # A power failure may leave less, and with an empty key anybody could sign.
        if len(key) == KEY_BYTES:
            return key
    key = secrets.token_bytes(KEY_BYTES)
    fresh = path.with_suffix(f".{secrets.token_hex(8)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return key


class Service:
    """All parts by name. Handlers reach the domain through it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.prefix = settings.prefix
        self.api_prefix = f"{settings.prefix}api/v1"
        self.public_url = settings.public_url.rstrip("/")
        self.apps_origin = settings.apps_origin
        self.cull_timeout_s = settings.cull_timeout_s
        self.directories = Directories(settings.home)
        self.directories.make()
        self.catalog: ConfiguredCatalog = load_catalog(settings.catalog)
        self.signals = Signals()
        self.line_cache = LineCache()
        self.db = Database(settings.database)
        self.tickets = Tickets(kept_key(settings.home / "endpoints.key"))
        self.cookie_secret = kept_key(settings.home / "cookies.key")
        self.proxy = Proxy()
        self.authenticator = Authenticator(settings.auth_cache_s)
        self.journals = Journals(self.directories)
        self.ingest = Ingest(self.journals, self.signals)
        self.backends: dict[str, Backend] = {}
        self.rooms: dict[str, Room] = {}
        """How large the platforms are whose queue the service is."""
        self._make_backends()
        self.schedulers = {name: Scheduler(self.db, self.catalog, name, self.rooms.get(name)) for name in self.backends}
        self.reconciler = Reconciler(
            self.db,
            self.catalog,
            self.directories,
            self.backends,
            self.schedulers,
            self.ingest,
            self.signals,
        )
        self.intake = Intake(self.db, self.catalog, self.backends)
        self.snapshots = Snapshots(self.db, self.directories)
        self.spawns = Spawns(self.db, self.catalog, self.backends, self.rooms, sys.prefix)
        self.spawns.released = self.reconciler.wake_queue  # type: ignore[method-assign]
        self.instruments = Instruments(self)
        self.hub: HubApi
        self._session: aiohttp.ClientSession
        self._tasks: list[asyncio.Task[None]] = []

    def _make_backends(self) -> None:
        """A cluster takes the place of this machine, or stands beside it under a name of its own."""
        if self.settings.kubernetes is not None:
            found = load_settings(self.settings.kubernetes)
            self.backends[found.cluster] = KubernetesBackend.connected(self.directories, found)
        if "default" not in self.backends:
            room = local_room(self.catalog.content.local)
            local = LocalBackend(self.directories, self.settings.hub_address, self.settings.isolation, room)
            self.backends["default"], self.rooms["default"] = local, room

    async def start(self) -> None:
        """Call with the database's lock held."""
        await asyncio.to_thread(self.snapshots.clean_up)
        self._session = aiohttp.ClientSession()
        self.hub = HubApi(self._session)
        for backend in self.backends.values():
            await backend.open()
        await self.reconciler.start()
        self._tasks = [asyncio.create_task(self._check_leases(), name="leases")]

    async def _check_leases(self) -> None:
        while True:
            await asyncio.sleep(LEASE_CHECK_S)
            try:
                await self.spawns.reconcile(self.hub)
            except HubUnreachable as error:
                log.warning("notebook leases not checked: %s", error)
            except Exception:
                log.exception("notebook leases not checked")

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.reconciler.stop()
        for backend in self.backends.values():
            await backend.close()
        await self.proxy.close()
        await self._session.close()
        await self.db.close()
