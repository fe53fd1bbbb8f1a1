"""The service put together: every part made once, started and stopped in order. The composition root."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from outrider_sandbox import CLOSED_NETWORKS

from .auth import Authenticator
from .backends.base import Backend
from .backends.capacity import Room
from .backends.kubernetes import KubernetesBackend, load_settings
from .backends.local import LocalBackend, local_room
from .catalog import load_catalog
from .catalog.stored import StoredCatalog
from .db import Database
from .directories import Directories
from .endpoints.proxy import Proxy
from .endpoints.tickets import Tickets
from .housekeeping import Housekeeping
from .hubapi import HubApi
from .instruments import Instruments
from .jobs.grants import Grants
from .jobs.reads import JobReads
from .jobs.reconciler import Reconciler
from .jobs.scheduler import Scheduler
from .jobs.submit import Intake
from .logs.ingest import Ingest, Journals
from .logs.render import LineCache
from .notifications.delivery import Deliverer
from .notifications.webhooks import Webhooks
from .outbound import Guard, Outbound
from .registry import Credentials, RegistryClient
from .registry.checks import ImageChecks
from .seats import Seats
from .signals import Signals
from .usage.budgets import Budgets
from .usage.spawns import Spawns
from .usage.storage import StorageUse
from .user_threads import UserThreads
from .vault import EVERYBODY, REGISTRY, Unreadable, Vault, user_subject
from .vault.sealing import Seal
from .workspaces.snapshots import Snapshots

log = logging.getLogger(__name__)

KEY_BYTES = 32
SUBSCRIPTIONS_EACH = 8
"""Subscriptions of a user for each connection that they may have."""


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
    closed_networks: tuple[str, ...] = CLOSED_NETWORKS
    """On this machine: what jobs cannot reach."""
    registries: tuple[str, ...] = ()
    webhooks: tuple[str, ...] = ()
    followers: int = 64
    """Connections that one user may have open to follow jobs."""


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


def architecture() -> str:
    """This machine's, by the name that images use."""
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine := platform.machine(), machine)


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
        self.configured = load_catalog(settings.catalog).content
        self.signals = Signals()
        self.db = Database(settings.database)
        self.threads = UserThreads()
        self.line_cache = LineCache(self.threads)
        self.reads = JobReads(self.db, self.signals)
        self.followers = Seats(settings.followers, "connections that follow jobs")
        self.subscriptions = Seats(settings.followers * SUBSCRIPTIONS_EACH, "subscriptions")
        self.catalog = StoredCatalog(self.db)
        self._seal = Seal(settings.home / "secrets.keys")
        self.vault = Vault(self.db, self._seal)
        self.webhooks = Webhooks(self.db, self._seal)
        self.webhook_guard = Guard(settings.webhooks)
        self.deliverer: Deliverer
        self.budgets = Budgets(self.db, self.catalog)
        self.storage_use = StorageUse(self.db, self.directories, self.catalog)
        self.grants = Grants(self.vault)
        self.registries = Guard(settings.registries)
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
            self.grants,
        )
        self.intake = Intake(self.db, self.catalog, self.backends, self.grants, self._allowance)
        self.snapshots = Snapshots(self.db, self.directories, self.threads)
        self.spawns = Spawns(
            self.db, self.catalog, self.backends, self.rooms, sys.prefix, self.budgets, self.cull_timeout_s
        )
        self.spawns.released = self.reconciler.wake_queue  # type: ignore[method-assign]
        self.instruments = Instruments(self)
        self.checks: ImageChecks
        self.hub: HubApi
        self._session: aiohttp.ClientSession

    async def _allowance(self, owner: str, group: str | None, price_per_hour: float) -> str | None:
        """Why a job cannot be taken for want of money or room, or None."""
        return await self.budgets.refusal(owner, group, price_per_hour) or await self.storage_use.refusal(owner, group)

    def _make_backends(self) -> None:
        """A cluster takes the place of this machine, or stands beside it under a name of its own."""
        if self.settings.kubernetes is not None:
            found = load_settings(self.settings.kubernetes)
            self.backends[found.cluster] = KubernetesBackend.connected(self.directories, found)
        if "default" not in self.backends:
            room = local_room(self.configured.local)
            local = LocalBackend(
                self.directories,
                self.settings.hub_address,
                self.settings.isolation,
                room,
                self.settings.closed_networks,
            )
            self.backends["default"], self.rooms["default"] = local, room

    async def start(self) -> None:
        """Call with the database's lock held."""
        await self.catalog.load(self.configured)
        await asyncio.to_thread(self.snapshots.clean_up)
        self._session = aiohttp.ClientSession()
        self.hub = HubApi(self._session)
        self._to_registries = Outbound(self.registries)
        self._to_webhooks = Outbound(self.webhook_guard)
        self.deliverer = Deliverer(self.db, self._seal, self._to_webhooks)
        self.reconciler.transitions.on_end = self.deliverer.wake
        self.checks = ImageChecks(RegistryClient(self._to_registries, architecture()), self._credentials)
        for backend in self.backends.values():
            await backend.open()
        await self.reconciler.start()
        self._housekeeping = Housekeeping(self)
        self._housekeeping.start()

    async def _credentials(self, user: str, registry: str) -> Credentials | None:
        """The user's own account at a registry, or everybody's."""
        subjects = [user_subject(user), EVERYBODY] if user else [EVERYBODY]
        try:
            login = await self.vault.login(subjects, REGISTRY, registry)
        except Unreadable as error:
            log.warning("credentials for %s: %s", registry, error)
            return None
        return None if login is None else Credentials(login.username, login.password)

    async def stop(self) -> None:
        await self._housekeeping.stop()
        await self.reconciler.stop()
        for backend in self.backends.values():
            await backend.close()
        for threads in (self.threads, self.storage_use.threads, self.ingest.threads):
            threads.close()
        await self.proxy.close()
        await self._session.close()
        await self._to_registries.close()
        await self._to_webhooks.close()
        await self.db.close()
