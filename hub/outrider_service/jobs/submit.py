"""Accepts jobs: everything that is checked before a job exists, and the insert that creates it once.

Raises ``RequestRefused`` with the field at fault; the handlers turn that into HTTP.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
from sqlalchemy.exc import IntegrityError

from ..auth import JOBS_READ, Caller
from ..backends.base import Backend
from ..catalog import Catalog, ImageEntry, MachineType
from ..catalog.selection import RequestRefused, allowed_image, allowed_machine
from ..clock import now
from ..db import Database
from ..schema.jobs import Status, Submission
from ..storage.snapshots import owns_snapshot
from . import store
from .job_secrets import JobSecrets
from .model import JobRecord, new_job_id


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job, and whether this call created it (False: repeated with the same idempotency key)."""

    job: JobRecord
    created: bool
    tags: list[str]


Allowance = Callable[[str, str | None, float], Awaitable[str | None]]
"""From owner, paying group and price per hour to the reason why nothing can be started, or None."""


class Submitter:
    """Submits and clones jobs."""

    def __init__(
        self,
        db: Database,
        catalog: Catalog,
        backends: Mapping[str, Backend],
        job_secrets: JobSecrets,
        allowance: Allowance,
    ) -> None:
        self.db = db
        self.catalog = catalog
        self.backends = backends
        self.job_secrets = job_secrets
        self.allowance = allowance

    async def submit(self, caller: Caller, wanted: Submission, key: str | None) -> Accepted:
        digest = hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()
        if key is not None:
            async with self.db.read() as conn:
                known = await store.by_idempotency_key(conn, caller.name, key)
            if known is not None:
                return await self._repeat(known, digest)
        machine, image = await self.check(caller, wanted)
        job = self._record(caller, wanted, machine, image, key, digest)
        return await self._insert(job, wanted.tags, digest)

    async def clone(self, caller: Caller, job: JobRecord, name: str | None, latest: bool) -> Accepted:
        """Submit a job again with the same snapshot, commit and image digest, unless ``latest``."""
        before = job.submission
        group = before.group if before.group in caller.groups else None
        copied = before.model_copy(update={"name": name or before.name, "group": group})
        # Checked anew: the rules may have become stricter since the original was taken.
        wanted = Submission.model_validate(copied.model_dump(), strict=False)
        machine, image = await self.check(caller, wanted, cloned=job)
        async with self.db.read() as conn:
            tags = (await store.tags_of(conn, [job.id]))[job.id]
        digest = hashlib.sha256(wanted.model_dump_json().encode()).hexdigest()
        fresh = replace(
            self._record(caller, wanted, machine, image, None, digest),
            parent_id=job.id,
            name=wanted.name or job.name,
            commit_hash=None if latest else job.commit_hash,
            image_digest=image.digest if latest else job.image_digest or image.digest,
        )
        return await self._insert(fresh, tags, digest)

    async def check(
        self, caller: Caller, wanted: Submission, cloned: JobRecord | None = None
    ) -> tuple[MachineType, ImageEntry]:
        """Check a submission; returns its machine type and image. Raises RequestRefused."""
        backend = self.backends.get(wanted.cluster)
        if backend is None:
            known = ", ".join(self.backends)
            raise RequestRefused("invalid", f"cluster: there is no {wanted.cluster!r}; there is {known}", "cluster")
        machine = allowed_machine(self.catalog, wanted.machine, caller)
        image = allowed_image(self.catalog, wanted.image, caller, notebook=False)
        if machine.cluster != wanted.cluster:
            raise RequestRefused("invalid", f"machine: {machine.name} is on the cluster {machine.cluster}", "machine")
        if wanted.nodes > backend.most_nodes:
            raise RequestRefused("invalid", f"nodes: this platform runs a job on {backend.most_nodes}", "nodes")
        if wanted.shm_mb is not None and wanted.shm_mb > machine.memory_mb:
            raise RequestRefused(
                "invalid", f"shm_mb: {machine.name} has only {machine.memory_mb} MiB of memory", "shm_mb"
            )
        if wanted.group is not None and wanted.group not in caller.groups:
            raise RequestRefused("invalid", f"group: you are not in a group {wanted.group!r}", "group")
        self._check_size(caller.name, wanted.group, machine, wanted.nodes)
        for name in await self.job_secrets.missing(caller, wanted):
            raise RequestRefused("invalid", f"secrets: there is no secret {name!r}; set it first", "secrets")
        await self._check_references(caller, wanted, cloned)
        lacking = await self.allowance(caller.name, wanted.group, machine.price_per_hour)
        if lacking is not None:
            raise RequestRefused("forbidden", lacking)
        # Last: where one user has the platform, a submission that is none does not make it theirs.
        refusal = backend.refusal(caller.name)
        if refusal is not None:
            raise RequestRefused("forbidden", refusal)
        return machine, image

    def _check_size(self, user: str, group: str | None, machine: MachineType, nodes: int) -> None:
        """Refuse what no limit would ever let start, instead of queueing it."""
        if machine.max_per_user is not None and nodes > machine.max_per_user:
            text = f"nodes: you may hold {machine.max_per_user} of {machine.name} at once"
            raise RequestRefused("forbidden", text, "nodes")
        gpus = machine.gpu * nodes
        limits = [(self.catalog.limits(user), "you")]
        if group is not None:
            limits.append((self.catalog.group_limits(group), f"the group {group}"))
        for limit, who in limits:
            if limit.max_gpus is not None and gpus > limit.max_gpus:
                text = f"machine: the job would have {gpus} GPUs, and {who} may use {limit.max_gpus} at once"
                raise RequestRefused("forbidden", text, "machine")

    async def _check_references(self, caller: Caller, wanted: Submission, cloned: JobRecord | None) -> None:
        async with self.db.read() as conn:
            if wanted.workspace.type == "snapshot":
                same = cloned is not None and cloned.submission.workspace == wanted.workspace
                if not same and not await owns_snapshot(conn, wanted.workspace.id, caller.name):
                    text = "workspace.id: there is no such snapshot; upload it first"
                    raise RequestRefused("invalid", text, "workspace.id")
            for name, job_id in wanted.inputs.items():
                source = await store.get_job(conn, job_id)
                if (
                    source is None
                    or source.desired == "delete"
                    or not caller.may(JOBS_READ, source.owner, source.group_name)
                ):
                    raise RequestRefused("invalid", f"inputs.{name}: there is no job {job_id}", f"inputs.{name}")

    def _record(
        self,
        caller: Caller,
        wanted: Submission,
        machine: MachineType,
        image: ImageEntry,
        key: str | None,
        digest: str,
    ) -> JobRecord:
        job_id = new_job_id()
        spec: dict[str, Any] = orjson.loads(wanted.model_dump_json())
        return JobRecord(
            id=job_id,
            name=wanted.name or default_name(wanted, job_id),
            owner=caller.name,
            owner_groups=list(caller.groups),
            group_name=wanted.group,
            project=wanted.project,
            experiment=wanted.experiment,
            cluster=wanted.cluster,
            machine=machine.name,
            image=image.name,
            image_digest=image.digest,
            spec=spec,
            priority=wanted.priority,
            price_per_hour=machine.price_per_hour * wanted.nodes,
            parent_id=None,
            idempotency_key=key,
            idempotency_hash=digest if key else None,
            status=Status.PENDING,
            desired="run",
            stop_reason=None,
            reason=None,
            exit_code=None,
            message=None,
            attempt=0,
            retries_used=0,
            requeues_used=0,
            not_before=0.0,
            commit_hash=None,
            progress=None,
            billed_s=0.0,
            created_at=now(),
            started_at=None,
            finished_at=None,
        )

    async def _insert(self, job: JobRecord, tags: list[str], digest: str) -> Accepted:
        most = self.catalog.limits(job.owner).max_pending
        try:
            async with self.db.write() as conn:
                if most is not None:
                    pending = (await store.count_by_status(conn, job.owner)).get("pending", 0)
                    if pending >= most:
                        raise RequestRefused("full", f"You have {pending} waiting jobs, which is the limit ({most}).")
                await store.insert_job(conn, job, tags)
                await store.add_event(conn, job.id, 0, "queued", "Submitted.", job.created_at)
        except IntegrityError:
            # Another request with the same key was faster.
            if job.idempotency_key is None:
                raise
            async with self.db.read() as conn:
                known = await store.by_idempotency_key(conn, job.owner, job.idempotency_key)
            if known is None:
                raise
            return await self._repeat(known, digest)
        return Accepted(job, True, sorted(set(tags)))

    async def _repeat(self, known: JobRecord, digest: str) -> Accepted:
        if known.desired == "delete" or known.idempotency_hash != digest:
            text = "Idempotency-Key: already used for a different submission"
            raise RequestRefused("conflict", text, "Idempotency-Key")
        async with self.db.read() as conn:
            tags = (await store.tags_of(conn, [known.id]))[known.id]
        return Accepted(known, False, tags)


def default_name(wanted: Submission, job_id: str) -> str:
    """A name derived from the command, such as "train.py" or "train.ipynb"."""
    words = (wanted.notebook or "").split() or wanted.args or (wanted.command or "").split()
    scripts = [w.rsplit("/", 1)[-1] for w in words if w.endswith((".py", ".sh", ".ipynb"))]
    chosen = scripts[0] if scripts else words[0].rsplit("/", 1)[-1] if words else job_id
    clean = "".join(c for c in chosen if c.isascii() and (c.isalnum() or c in "._-"))[:64]
    return clean or job_id
