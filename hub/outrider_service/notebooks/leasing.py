"""Leases machines to notebooks, from the same capacity that jobs use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from ..accounting.budgets import Budgets
from ..accounting.ledger import settle
from ..auth import Caller
from ..backends.base import Backend
from ..capacity.leases import (
    Lease,
    add_lease,
    get_lease,
    held_by,
    list_leases,
    mark_seen,
    mark_started,
    notebook_lease_id,
    take_turn,
)
from ..capacity.room import Room
from ..capacity.waiting import waiting_by_machine
from ..catalog import Catalog, ImageEntry, MachineType
from ..catalog.selection import RequestRefused, allowed_image, allowed_machine
from ..clock import now
from ..db import Database
from ..hubapi import HubApi
from ..schema.resources import SpawnRequest
from .stopping import Rules, TooLong, check_choice, chosen

log = logging.getLogger(__name__)

FORGET_AFTER_S = 300.0
"""A lease of this age whose server the Hub does not know is left over from a spawn that died."""


@dataclass(frozen=True, slots=True)
class Acquired:
    lease: Lease
    environment: str
    machine: MachineType
    image: ImageEntry


def rules_of(machine: MachineType) -> Rules:
    """When a notebook on it stops by itself, unless its owner chose otherwise."""
    return Rules(machine.idle_timeout_s, machine.max_age_s, machine.gpu_idle_timeout_s)


def rules_for(machine: MachineType | None, lease: Lease | None) -> Rules:
    """When the notebook that holds the lease stops by itself: the machine type's rules with its owner's choice in
    them. None: a machine type that is no longer in the catalog, a notebook without a lease."""
    rules = rules_of(machine) if machine is not None else Rules()
    return chosen(rules, lease.max_age_s, lease.idle_timeout_s) if lease is not None else rules


def choice_of(lease: Lease) -> tuple[str, str, int | None, int | None]:
    """Two requests for a notebook are the same if these are."""
    return lease.machine, lease.image, lease.max_age_s, lease.idle_timeout_s


class Spawns:
    """Acquires and releases leases for notebooks."""

    def __init__(
        self,
        db: Database,
        catalog: Catalog,
        backends: Mapping[str, Backend],
        rooms: Mapping[str, Room],
        default_environment: str,
        budgets: Budgets,
        default_idle_s: float,
        released: Callable[[str], None],
    ) -> None:
        """``released`` is told the platform on which capacity was freed."""
        self.db = db
        self.catalog = catalog
        self.backends = backends
        self.rooms = rooms
        self.default_environment = default_environment
        self.budgets = budgets
        self.default_idle_s = default_idle_s
        self._released = released

    async def acquire(self, person: Caller, server: str, wanted: SpawnRequest) -> Acquired:
        """Lease a machine for a notebook; while it holds one, the same request returns the same lease. Raises
        RequestRefused."""
        machine = allowed_machine(self.catalog, wanted.machine, person)
        image = allowed_image(self.catalog, wanted.image, person, notebook=True)
        refusal = self.backends[machine.cluster].refusal(person.name)
        if refusal is not None:
            raise RequestRefused("forbidden", refusal)
        lacking = await self.budgets.refusal(person.name, wanted.group, machine.price_per_hour)
        if lacking is not None:
            raise RequestRefused("forbidden", lacking)
        try:
            check_choice(rules_of(machine), wanted.max_age_s, wanted.idle_timeout_s, self.default_idle_s)
        except TooLong as error:
            raise RequestRefused("invalid", str(error), error.field) from error
        lease_id = notebook_lease_id(person.name, server)
        asked = (machine.name, image.name, wanted.max_age_s, wanted.idle_timeout_s)
        async with self.db.write() as conn:
            await take_turn(conn)
            known = await get_lease(conn, lease_id)
            if known is not None and known.started_at is None and choice_of(known) == asked:
                return self._acquired(known, image, machine)
            if known is not None:
                # A restart whose end nobody reported, perhaps on another machine: what there was is given back first.
                await settle(conn, known, known.started_at, known.seen_at or now())
            held = await list_leases(conn)
            self._check_limits(held, machine, person.name, wanted.group)
            gpus = await self._fit(conn, machine)
            await add_lease(
                conn,
                lease_id,
                person.name,
                wanted.group,
                machine,
                image.name,
                gpus,
                now(),
                max_age_s=wanted.max_age_s,
                idle_timeout_s=wanted.idle_timeout_s,
            )
            lease = await get_lease(conn, lease_id)
        assert lease is not None
        return self._acquired(lease, image, machine)

    async def refusals(self, person: Caller, machines: Iterable[MachineType]) -> dict[str, str]:
        """Why this person cannot get a machine type for a notebook now, by its name. Available types are absent."""
        async with self.db.read() as conn:
            held = await list_leases(conn)
            waiting = await waiting_by_machine(conn)
        found = {}
        for machine in machines:
            try:
                self._check_limits(held, machine, person.name, None)
                self._check_room(held, machine, waiting.get(machine.name, 0))
            except RequestRefused as refused:
                found[machine.name] = refused.message.removeprefix("machine: ")
                continue
            refusal = self.backends[machine.cluster].refusal(person.name) if machine.cluster in self.backends else None
            refusal = refusal or await self.budgets.refusal(person.name, None, machine.price_per_hour)
            if refusal is not None:
                found[machine.name] = refusal
        return found

    def _check_limits(self, held: list[Lease], machine: MachineType, user: str, group: str | None) -> None:
        """Raises RequestRefused where a limit is reached; GPUs of notebooks and jobs count together."""
        own = [lease for lease in held if lease.owner == user]
        teams = [lease for lease in held if group is not None and lease.group_name == group]
        same = sum(lease.nodes for lease in own if lease.machine == machine.name)
        if machine.max_per_user is not None and same >= machine.max_per_user:
            text = f"machine: you may hold {machine.max_per_user} of {machine.name} at once, and hold {same}"
            raise RequestRefused("forbidden", text, "machine")
        pairs = [(self.catalog.limits(user), own, "you")]
        if group is not None:
            pairs.append((self.catalog.group_limits(group), teams, f"the group {group}"))
        for limits, leases, who in pairs:
            used = sum(lease.gpu_count for lease in leases)
            if machine.gpu and limits.max_gpus is not None and used + machine.gpu > limits.max_gpus:
                text = f"machine: it has {machine.gpu} GPUs; {who} may use {limits.max_gpus} at once, of {used} in use"
                raise RequestRefused("forbidden", text, "machine")

    def _acquired(self, lease: Lease, image: ImageEntry, machine: MachineType) -> Acquired:
        return Acquired(lease, image.environment or self.default_environment, machine, image)

    async def _fit(self, conn: AsyncConnection, machine: MachineType) -> list[str]:
        held = await list_leases(conn, cluster=machine.cluster)
        return self._check_room(held, machine, (await waiting_by_machine(conn)).get(machine.name, 0))

    def _check_room(self, held: list[Lease], machine: MachineType, waiting: int) -> list[str]:
        """The GPUs it gets. Raises RequestRefused if it does not fit."""
        room = self.rooms.get(machine.cluster)
        if room is None:
            return []
        if not room.fits(machine):
            text = f"machine: no machine of type {machine.name} can ever start: it is larger than the platform"
            raise RequestRefused("invalid", text, "machine")
        here = [held_by(lease) for lease in held if lease.cluster == machine.cluster]
        gpus = room.less(here).takes(machine)
        if gpus is None:
            in_use = "1 is in use" if len(here) == 1 else f"{len(here)} are in use"
            jobs = {0: "", 1: ", and a job waits for it"}.get(waiting, f", and {waiting} jobs wait for it")
            raise RequestRefused(
                "full",
                f"No machine of type {machine.name} is free: {in_use}{jobs}. "
                "Use a smaller one, stop something, or try again later.",
                "machine",
            )
        return gpus

    async def started(self, user: str, server: str, time: float) -> None:
        """Record when the notebook's container started. Idempotent; an unknown notebook is ignored."""
        async with self.db.write() as conn:
            lease = await get_lease(conn, notebook_lease_id(user, server))
            if lease is not None and lease.started_at is None:
                await mark_started(conn, lease.id, max(time, lease.created_at))

    async def release(
        self, user: str, server: str, started: float | None = None, finished: float | None = None
    ) -> None:
        """Release the lease of a notebook that has stopped; the times are its container's, where known. An unknown
        notebook is ignored. Raises BackendError and keeps the lease, so that the release can be tried again."""
        lease_id = notebook_lease_id(user, server)
        async with self.db.read() as conn:
            known = await get_lease(conn, lease_id)
        if known is not None and (backend := self.backends.get(known.cluster)) is not None:
            await backend.forget_notebook(lease_id)
        async with self.db.write() as conn:
            lease = await get_lease(conn, lease_id)
            if lease is not None:
                begun = started if started is not None else lease.started_at
                # An end before this lease is that of the server before it.
                begun = None if begun is None else max(begun, lease.created_at)
                await settle(conn, lease, begun, finished or now())
        if lease is not None:
            self._released(lease.cluster)

    async def reconcile(self, hub: HubApi) -> None:
        """Drop leases whose server the Hub does not know, left behind when the Hub was killed during a spawn."""
        async with self.db.read() as conn:
            leases = await list_leases(conn, prefix="notebook/")
        if not leases:
            return
        active = await hub.active_servers()
        alive = [lease.id for lease in leases if tuple(lease.id.split("/", 2)[1:]) in active]
        async with self.db.write() as conn:
            await mark_seen(conn, alive, now())
        for lease in leases:
            _, user, server = lease.id.split("/", 2)
            if (user, server) in active or now() - lease.created_at <= FORGET_AFTER_S:
                continue
            # Asked for by name: a list in pages is no proof, and the machine of one that runs must not be given away.
            if not await hub.runs(user, server):
                log.warning("releasing the lease of %s: the Hub knows no such server", lease.id)
                await self.release(user, server, finished=lease.seen_at or lease.created_at)
