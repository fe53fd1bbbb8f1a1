"""The service put together: every part made once, started and stopped in order. The composition root."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import platform
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
from traitlets.utils.importstring import import_item

from outrider_sandbox import CLOSED_NETWORKS, UIDS, Web

from .accounting.budgets import Budgets
from .auth import Authenticator
from .backends.base import Backend, BackendContext, MakeBackend
from .catalog import load_catalog
from .catalog.stored import StoredCatalog
from .clock import now
from .db import Database
from .endpoints.handlers import Endpoints
from .endpoints.proxy import Proxy
from .endpoints.tickets import Tickets
from .housekeeping import pinned_images
from .housekeeping.budget_limits import BudgetLimits
from .housekeeping.periodic import Periodic, PeriodicTask
from .housekeeping.pinned_images import PinnedImages
from .hubapi import HubApi, HubUnreachable
from .instruments import Instruments
from .jobs.belongings import Belongings
from .jobs.installation import load_installation
from .jobs.job_secrets import JobSecrets
from .jobs.reads import JobReads
from .jobs.reconcile_queue import ReconcileQueue
from .jobs.reconciler import Reconciler
from .jobs.reports import Reports
from .jobs.scheduler import Scheduler
from .jobs.submit import Submitter
from .jobs.transitions import Transitions
from .notebooks.leasing import Spawns
from .notebooks.starting import NotebookStarts
from .notifications.delivery import Deliverer
from .notifications.webhooks import Webhooks
from .outbound import Guard, Outbound
from .registry import Credentials, RegistryClient
from .registry.checks import ImageChecks
from .seats import Seats
from .signals import Signals
from .storage.directories import Directories
from .storage.snapshots import Snapshots
from .storage.usage import StorageUse
from .telemetry.ingest import Ingest, Journals
from .telemetry.render import LineCache
from .user_threads import UserThreads
from .vault import Accounts, Vault
from .vault.sealing import Seal

log = logging.getLogger(__name__)

KEY_BYTES = 32
SUBSCRIPTIONS_EACH: Final = 8
"""Subscriptions of a user for each connection that they may have."""
LEASES_CHECK_S: Final = 60.0
UPLOADS_CHECK_S: Final = 6 * 3600.0
UPLOADS_KEPT_S: Final = 7 * 86400.0
"""How long an uploaded workspace stays that no job needs any more."""


BACKENDS: Final = ("outrider_service.backends.kubernetes.make_backend", "outrider_service.backends.local.make_backend")


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
    backends: tuple[str, ...] = BACKENDS
    """Import names of what makes each platform (``backends.base.MakeBackend``)."""
    backend_options: Mapping[str, Any] = field(default_factory=dict)
    kubernetes: Path | None = None
    """The file that describes the cluster; None: jobs run on this machine."""
    closed_networks: tuple[str, ...] = CLOSED_NETWORKS
    """On this machine: what jobs cannot reach."""
    web: Web = field(default_factory=Web)
    """On this machine: how jobs reach the web where they have no network of their own."""
    uids: str = UIDS
    """On this machine, for root: the uids of those whose jobs run; ``none``: they have none of their own."""
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

    def __init__(self, settings: Settings, db: Database) -> None:
        """Call inside the event loop, with the database's lock held and its tables migrated."""
        self.settings = settings
        self.prefix = settings.prefix
        self.api_prefix = f"{settings.prefix}api/v1"
        self.public_url = settings.public_url.rstrip("/")
        self.apps_origin = settings.apps_origin
        self.cull_timeout_s = settings.cull_timeout_s
        self.db = db
        self.directories = Directories(settings.home)
        self.directories.make()
        self.configured = load_catalog(settings.catalog).content
        self.signals = Signals()
        self.threads = UserThreads()
        self.reads = JobReads(db, self.signals)
        self.followers = Seats(settings.followers, "connections that follow jobs")
        self.subscriptions = Seats(settings.followers * SUBSCRIPTIONS_EACH, "subscriptions")
        self.catalog = StoredCatalog(db)
        self.authenticator = Authenticator(settings.auth_cache_s)
        self.cookie_secret = kept_key(settings.home / "cookies.key")
        self._session = aiohttp.ClientSession()
        self.hub = HubApi(self._session)

        seal = Seal(settings.home / "secrets.keys")
        self.vault = Vault(db, seal)
        self.accounts = Accounts(self.vault)
        self.registries = Guard(settings.registries)
        self._to_registries = Outbound(self.registries)
        self.checks = ImageChecks(RegistryClient(self._to_registries, architecture()), self._credentials)
        self.webhooks = Webhooks(db, seal)
        self.webhook_guard = Guard(settings.webhooks)
        self._to_webhooks = Outbound(self.webhook_guard)
        self.deliverer = Deliverer(db, seal, self._to_webhooks)

        self.backends = self._make_backends()
        self.rooms = {name: backend.room for name, backend in self.backends.items() if backend.room is not None}
        """How large the platforms are whose queue the service is."""
        self.budgets = Budgets(db, self.catalog)
        self.storage_use = StorageUse(db, self.directories, self.catalog)
        self.snapshots = Snapshots(db, self.directories, self.threads)

        self.queue = ReconcileQueue()
        self.job_secrets = JobSecrets(db, self.vault, self.accounts)
        self.journals = Journals(self.directories)
        self.line_cache = LineCache(self.threads)
        transitions = Transitions(db, self.signals, self.deliverer.wake)
        reports = Reports(db, transitions.changed)
        self.ingest = Ingest(
            self.journals,
            self.signals,
            on_record=reports,
            on_complete=lambda ref: self.queue.wake(ref.job_id),
            mask_of=self.job_secrets.mask,
            on_trouble=reports.trouble,
        )
        self.reconciler = Reconciler(
            db,
            self.catalog,
            self.directories,
            self.backends,
            {name: Scheduler(db, self.catalog, name, self.rooms.get(name)) for name in self.backends},
            self.ingest,
            transitions,
            self.job_secrets,
            self.accounts,
            self.queue,
        )
        self.submitter = Submitter(db, self.catalog, self.backends, self.job_secrets, self._allowance)
        self.spawns = Spawns(
            db,
            self.catalog,
            self.backends,
            self.rooms,
            sys.prefix,
            self.budgets,
            self.cull_timeout_s,
            released=self.queue.schedule,
        )
        self.notebook_starts = NotebookStarts(self.spawns, self.catalog, self.directories, self.backends, self.accounts)
        self.endpoints = Endpoints(
            db,
            self.backends,
            self.authenticator,
            Tickets(kept_key(settings.home / "endpoints.key")),
            Proxy(),
            self.prefix,
            self.public_url,
            self.apps_origin,
        )
        self.belongings = Belongings(db, self.backends)
        self.instruments = Instruments(
            db,
            self.queue,
            self.ingest,
            self.backends,
            {"requests": self.threads, "logs": self.ingest.threads, "measuring": self.storage_use.threads},
            {"connections": self.followers, "subscriptions": self.subscriptions},
            self.belongings,
        )
        self._periodic = Periodic(
            [
                PeriodicTask("notebook leases", self._check_leases, LEASES_CHECK_S),
                PeriodicTask(
                    "budgets",
                    BudgetLimits(db, self.budgets, self.hub, self.queue, self.deliverer.wake).run,
                    1.0,
                ),
                PeriodicTask("pinned images", PinnedImages(self.catalog, self.checks).run, pinned_images.CHECK_S),
                PeriodicTask("what platforms hold", self.belongings.run, 0.0),
                PeriodicTask("old uploads", self._drop_old_uploads, UPLOADS_CHECK_S),
            ],
            expected=HubUnreachable,
        )
        self._delivering: asyncio.Task[None] | None = None

    async def _check_leases(self) -> float:
        await self.spawns.reconcile(self.hub)
        return LEASES_CHECK_S

    async def _drop_old_uploads(self) -> float:
        if dropped := await self.snapshots.drop_unused(now() - UPLOADS_KEPT_S):
            log.info("removed %d uploaded workspaces that no job uses", dropped)
        return UPLOADS_CHECK_S

    async def _allowance(self, owner: str, group: str | None, price_per_hour: float) -> str | None:
        """Why a job cannot be taken for want of money or room, or None."""
        return await self.budgets.refusal(owner, group, price_per_hour) or await self.storage_use.refusal(owner, group)

    def _make_backends(self) -> dict[str, Backend]:
        """By name, in the order of the settings: a cluster takes the place of this machine, or stands beside it."""
        made: dict[str, Backend] = {}
        for name in self.settings.backends:
            make: MakeBackend = import_item(name)
            context = BackendContext(
                self.directories,
                self.settings.hub_address,
                self.configured.local,
                frozenset(made),
                self.settings.isolation,
                self.settings.closed_networks,
                self.settings.web,
                self.settings.uids,
                self.settings.kubernetes,
                self.settings.backend_options,
            )
            if (backend := make(context)) is not None:
                made[backend.cluster] = backend
        return made

    async def start(self) -> None:
        """Load the catalog and begin to work."""
        await self.catalog.load(self.configured)
        await asyncio.to_thread(self.snapshots.clean_up)
        installation = await load_installation(self.db)
        for backend in self.backends.values():
            await backend.open(installation)
        await self.reconciler.start()
        self._periodic.start()
        self._delivering = asyncio.create_task(self.deliverer.run(), name="deliveries")

    async def _credentials(self, user: str, registry: str) -> Credentials | None:
        login = await self.accounts.registry(user, registry)
        return None if login is None else Credentials(login.username, login.password)

    async def stop(self) -> None:
        """End what ``start`` began. Jobs and notebooks go on."""
        await self._periodic.stop()
        if self._delivering is not None:
            self._delivering.cancel()
            await asyncio.gather(self._delivering, return_exceptions=True)
        await self.reconciler.stop()
        for backend in self.backends.values():
            await backend.close()
        for threads in (self.threads, self.storage_use.threads, self.ingest.threads):
            threads.close()
        await self.endpoints.proxy.close()
        await self._session.close()
        await self._to_registries.close()
        await self._to_webhooks.close()
        await self.db.close()
