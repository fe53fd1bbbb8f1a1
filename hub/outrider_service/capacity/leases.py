"""Leases: who holds which part of a platform. One row each, made and dropped in the same transaction as the reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..catalog import MachineType
from ..db.tables import leases
from .room import Held


@dataclass(frozen=True, slots=True)
class Lease:
    """A held part of a platform; ``created_at`` in seconds since 1970. ``cpu`` and ``memory_mb`` are one machine's,
    ``gpu_count`` and ``price_per_hour`` those of all its ``nodes``."""

    id: str
    owner: str
    group_name: str | None
    cluster: str
    machine: str
    image: str
    cpu: float
    memory_mb: int
    gpus: list[str]
    gpu_count: int
    price_per_hour: float
    created_at: float
    project: str | None = None
    started_at: float | None = None
    seen_at: float | None = None
    gpu_used_at: float | None = None
    kept_at: float | None = None
    max_age_s: int | None = None
    idle_timeout_s: int | None = None
    nodes: int = 1

    @property
    def kind(self) -> str:
        return kind_of(self.id)


def kind_of(lease_id: str) -> str:
    """job or notebook."""
    return lease_id.partition("/")[0]


def held_by(lease: Lease) -> Held:
    """A lease as the arithmetic of capacity sees it."""
    return Held(
        lease.owner,
        lease.group_name,
        lease.cpu,
        lease.memory_mb,
        tuple(lease.gpus),
        lease.kind == "job",
        lease.machine,
        lease.gpu_count,
        lease.nodes,
    )


def job_lease_id(job_id: str, attempt: int) -> str:
    return f"job/{job_id}/{attempt}"


def notebook_lease_id(user: str, server: str) -> str:
    return f"notebook/{user}/{server}"


async def add_lease(
    conn: AsyncConnection,
    lease_id: str,
    owner: str,
    group: str | None,
    machine: MachineType,
    image: str,
    gpus: Sequence[str],
    time: float,
    *,
    nodes: int = 1,
    project: str | None = None,
    price_per_hour: float | None = None,
    max_age_s: int | None = None,
    idle_timeout_s: int | None = None,
) -> None:
    """``nodes``: how many such machines. ``price_per_hour`` (of all of them) None: the machine type's own of now. The
    last two: what a notebook's owner chose."""
    await conn.execute(
        insert(leases).values(
            id=lease_id,
            owner=owner,
            group_name=group,
            cluster=machine.cluster,
            machine=machine.name,
            image=image,
            cpu=machine.cpu,
            memory_mb=machine.memory_mb,
            gpus=list(gpus),
            gpu_count=machine.gpu * nodes,
            nodes=nodes,
            price_per_hour=machine.price_per_hour if price_per_hour is None else price_per_hour,
            project=project,
            created_at=time,
            max_age_s=max_age_s,
            idle_timeout_s=idle_timeout_s,
        )
    )


async def take_turn(conn: AsyncConnection) -> None:
    """Until the transaction ends nobody else takes capacity: what is free is read and taken in one piece. (SQLite has
    one writer anyway.)"""
    if conn.dialect.name == "postgresql":
        await conn.execute(text("LOCK TABLE leases IN SHARE ROW EXCLUSIVE MODE"))


async def mark_started(conn: AsyncConnection, lease_id: str, started: float) -> None:
    """Its container runs, since then."""
    await conn.execute(update(leases).where(leases.c.id == lease_id).values(started_at=started, seen_at=started))


async def mark_seen(conn: AsyncConnection, lease_ids: Sequence[str], time: float) -> None:
    """These run now."""
    for at in range(0, len(lease_ids), 500):
        chosen = leases.c.id.in_(lease_ids[at : at + 500])
        await conn.execute(update(leases).where(chosen).values(seen_at=time))


async def mark_gpu_used(conn: AsyncConnection, lease_id: str, time: float) -> None:
    """A notebook's GPUs were looked at, and had worked then."""
    await conn.execute(update(leases).where(leases.c.id == lease_id).values(gpu_used_at=time))


async def mark_kept(conn: AsyncConnection, lease_id: str, time: float) -> None:
    """Its owner wants a notebook to go on."""
    await conn.execute(update(leases).where(leases.c.id == lease_id).values(kept_at=time))


async def get_lease(conn: AsyncConnection, lease_id: str) -> Lease | None:
    row = (await conn.execute(select(leases).where(leases.c.id == lease_id))).mappings().first()
    return Lease(**row) if row is not None else None


async def list_held(conn: AsyncConnection, cluster: str) -> list[Held]:
    """``held_by`` of every lease of a platform, and nothing more of them: the scheduler asks each time it looks."""
    c = leases.c
    query = select(c.id, c.owner, c.group_name, c.cpu, c.memory_mb, c.gpus, c.machine, c.gpu_count, c.nodes)
    rows = await conn.execute(query.where(c.cluster == cluster))
    return [
        Held(owner, group, cpu, memory_mb, tuple(gpus), kind_of(lease_id) == "job", machine, gpu_count, nodes)
        for lease_id, owner, group, cpu, memory_mb, gpus, machine, gpu_count, nodes in rows
    ]


async def list_leases(
    conn: AsyncConnection, *, cluster: str | None = None, owner: str | None = None, prefix: str | None = None
) -> list[Lease]:
    query: Any = select(leases)
    if cluster is not None:
        query = query.where(leases.c.cluster == cluster)
    if owner is not None:
        query = query.where(leases.c.owner == owner)
    if prefix is not None:
        query = query.where(leases.c.id.like(prefix + "%"))
    return [Lease(**row) for row in (await conn.execute(query)).mappings()]
