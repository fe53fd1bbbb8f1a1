"""The reconciler: the only owner of a job's transitions.

It compares what is desired with what the platform shows and takes one idempotent step at a time. Watches, timers
and the API only enqueue job ids. It may be killed between any two lines: every step is either a transaction or a
platform call that may be repeated, and after a restart every unfinished job is looked at again.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Final

from pydantic import ValidationError

from ..backends.base import Attempt, AttemptRef, Backend, BackendError, Phase, PlatformAway
from ..capacity.leases import get_lease, job_lease_id, mark_seen
from ..catalog import Catalog
from ..clock import now
from ..db import AWAY, Database
from ..schema.jobs import Reason, Status
from ..schema.words import in_words
from ..storage.directories import Directories
from ..telemetry.ingest import LOG_INCOMPLETE, Ingest
from ..vault import Accounts, Unreadable
from . import store
from .job_secrets import JobSecrets
from .model import JobRecord
from .outcome import Ended
from .reconcile_queue import ReconcileQueue
from .scheduler import Scheduler
from .states import Running, Start, Stop, Wait, next_step
from .transitions import Transitions

log = logging.getLogger(__name__)

SWEEP_S: Final = 30.0
"""How often every active job is checked even without a notification."""
GRACE_S: Final = 10.0
LOG_POLL_S: Final = 5.0
"""How often a finished attempt is checked while its last output is being read; the end of the log also wakes it."""
REMOVAL_LOOK_S: Final = 1.0
"""How often a deleted job is checked while its last objects are being removed; their removal also wakes it."""
SWEEP_SLICE: Final = 20
OVER: Final = (Phase.EXITED, Phase.LOST)
QUIET: Final = {Status.PROVISIONING: Phase.STARTING, Status.RUNNING: Phase.RUNNING}
"""What a platform reports for an attempt that needs no action."""
START_FAILURES: Final = 3
"""How often the platform may refuse a start before the attempt ends as platform_error."""


def environment(job: JobRecord) -> dict[str, str]:
    """The variables of a job that do not depend on the platform: the user's, its parameters, its identity."""
    wanted = job.submission
    params = wanted.params
    env: dict[str, str] = dict(wanted.env)
    for name, value in params.items():
        env.setdefault(f"PARAM_{name.upper()}", value if isinstance(value, str) else json.dumps(value))
    ports = ",".join(str(port) for port in wanted.ports)
    env |= {
        "OUTRIDER_JOB_ID": job.id,
        "OUTRIDER_JOB_NAME": job.name,
        "OUTRIDER_PROJECT": job.project or "",
        "OUTRIDER_EXPERIMENT": job.experiment or "",
        "OUTRIDER_PARAMS": json.dumps(params),
        "PS_JOB_ID": job.id,
        "PS_JOB_RUNNER": "1",
        "PORTS": ports,
    }
    return env


class Reconciler:
    """Drives jobs to their end. Others only add to its queue."""

    def __init__(
        self,
        db: Database,
        catalog: Catalog,
        directories: Directories,
        backends: Mapping[str, Backend],
        schedulers: Mapping[str, Scheduler],
        ingest: Ingest,
        transitions: Transitions,
        job_secrets: JobSecrets,
        accounts: Accounts,
        queue: ReconcileQueue,
    ) -> None:
        self.db = db
        self.job_secrets = job_secrets
        self.accounts = accounts
        self.catalog = catalog
        self.directories = directories
        self.backends = backends
        self.schedulers = schedulers
        self.ingest = ingest
        self.queue = queue
        self._tasks: list[asyncio.Task[None]] = []
        self._start_failures: dict[AttemptRef, int] = {}
        self._removing: dict[str, asyncio.Task[None]] = {}
        self._removed: set[str] = set()
        """Deleted jobs whose files are gone."""
        self.transitions = transitions

    async def start(self) -> None:
        async with self.db.read() as conn:
            for job_id in await store.unfinished_ids(conn):
                self.queue.add(job_id)
        for cluster in self.schedulers:
            self.queue.schedule(cluster)
        self.queue.start(self._handle)
        self._tasks = [asyncio.create_task(self._sweep(), name="sweep")]
        for cluster, backend in self.backends.items():
            self._tasks.append(asyncio.create_task(self._watch(backend), name=f"watch-{cluster}"))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for task in self._removing.values():
            task.cancel()
        await asyncio.gather(*self._removing.values(), return_exceptions=True)
        await self.queue.stop()
        await self.ingest.stop()

    # -- what enqueues ------------------------------------------------------------------------------------------

    async def _watch(self, backend: Backend) -> None:
        """Wake the jobs of everything the platform holds, including leftovers of ended jobs, and then of
        everything that changes."""
        while True:
            try:
                for ref in await backend.known():
                    self.queue.wake(ref.job_id)
                async for ref in backend.events():
                    self.queue.wake(ref.job_id)
            except PlatformAway as error:
                # The service keeps running for the other platforms.
                log.warning("a platform's objects cannot be listed yet: %s", error)
            except Exception:
                log.exception("a platform's event stream failed; listening again")
            await asyncio.sleep(1)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self._look_at_all()
                for cluster in self.schedulers:
                    self.queue.schedule(cluster)
            except Exception:
                log.exception("sweep failed")

    async def _look_at_all(self) -> None:
        """Wake the active jobs except those that run or wait as expected, which of thousands is nearly every one."""
        async with self.db.read() as conn:
            active = await store.active(conn)
        running = []
        for n, job in enumerate(active):
            if n % SWEEP_SLICE == 0:
                await asyncio.sleep(0)
            wanted = QUIET.get(job.status) if job.desired == "run" and job.stop_reason is None else None
            try:
                backend = self.backends.get(job.cluster) if wanted is not None else None
                seen = await backend.observe(AttemptRef(job.id, job.attempt)) if backend is not None else None
            except PlatformAway:
                # Jobs of this platform cannot be checked now; those of others can.
                continue
            if seen is None or seen.phase is not wanted or seen.message != job.message:
                self.queue.wake(job.id)
            elif job.status is Status.RUNNING:
                running.append(job_lease_id(job.id, job.attempt))
        if running:
            async with self.db.write() as conn:
                await mark_seen(conn, running, now())

    # -- what handles -------------------------------------------------------------------------------------------

    async def _handle(self, key: str) -> float | None:
        if (cluster := self.queue.cluster_of(key)) is not None:
            return await self._schedule(cluster)
        async with self.db.read() as conn:
            job = await store.get_job(conn, key)
        # One that the database does not know is not ours to end; ``belongings`` tells of it.
        return None if job is None else await self._reconcile(job)

    async def _schedule(self, cluster: str) -> float | None:
        changed, wake_at = await self.schedulers[cluster].run()
        for job_id in changed:
            self.queue.wake(job_id)
            self.transitions.changed(job_id)
        return None if wake_at is None else max(0.01, wake_at - now())

    async def _reconcile(self, job: JobRecord) -> float | None:
        if job.status is Status.PENDING:
            return await self._pending(job)
        if job.active:
            return await self._active(job)
        if job.desired == "delete":
            return await self._delete(job)
        return await self._clean_up(job)

    async def _pending(self, job: JobRecord) -> float | None:
        if job.desired == "run" and job.stop_reason is None:
            self.queue.schedule(job.cluster)
            return None
        cancelled = await self.transitions.cancel(job)
        return 0.0 if not cancelled or job.desired == "delete" else None

    async def _active(self, job: JobRecord) -> float | None:
        backend = self.backends[job.cluster]
        ref = AttemptRef(job.id, job.attempt)
        seen = await backend.observe(ref)
        begun = job.status is not Status.PROVISIONING or seen.started_at is None
        if begun and seen.phase not in (Phase.ABSENT, Phase.STARTING):
            logged = self.ingest.follow(backend, ref, job.nodes, job.owner)
            if seen.phase in OVER and not logged and not await self._ends_without_log(job, ref):
                # The end is announced after the last line, so that followers have seen the whole log.
                return LOG_POLL_S
        # After the log: a workspace that failed is reported there.
        over = seen.phase not in (Phase.STARTING, Phase.RUNNING)
        step = next_step(job, seen, now(), await self._workspace_error(job) if over else None, SWEEP_S)
        match step:
            case Start():
                return await self._start(job, backend, ref)
            case Running():
                await self.transitions.running(job, step, seen)
                return 0.0
            case Stop():
                await self.transitions.stopping(job, step.reason)
                await backend.stop(ref, GRACE_S)
                return GRACE_S + 5
            case Ended():
                await self._ended(job, step)
                return 0.0
            case Wait():
                if seen.phase is QUIET.get(job.status) and seen.message != job.message:
                    await self.transitions.waiting(job, seen.message)
                # The sweep checks it too.
                return step.seconds if step.seconds < SWEEP_S else None

    async def _ends_without_log(self, job: JobRecord, ref: AttemptRef) -> bool:
        """Whether the end of an attempt no longer waits for its log. What is missing is reported, and still read
        later."""
        if job.desired == "delete":
            return True
        why = self.ingest.given_up(ref)
        if why is None:
            return False
        try:
            await self.ingest.on_trouble(ref, LOG_INCOMPLETE, why)
        except AWAY:
            raise
        except Exception:
            log.exception("%s: could not record that the log is incomplete", ref)
        return True

    async def _workspace_error(self, job: JobRecord) -> str | None:
        async with self.db.read() as conn:
            attempt = await store.get_attempt(conn, job.id, job.attempt)
        return attempt["message"] if attempt and attempt["reason"] == Reason.WORKSPACE_FAILED else None

    async def _start(self, job: JobRecord, backend: Backend, ref: AttemptRef) -> float | None:
        async with self.db.read() as conn:
            lease = await get_lease(conn, job_lease_id(job.id, job.attempt))
        machine = self.catalog.machine(job.machine)
        image = self.catalog.image(job.image, job.owner)
        if lease is None or machine is None or image is None:
            missing = f"image {job.image}" if machine is not None else f"machine type {job.machine}"
            text = f"The {missing} is no longer in the catalog. Choose another and submit again."
            await self._ended(job, Ended(Status.FAILED, Reason.UNSCHEDULABLE, None, text, None, None))
            return None
        try:
            granted = await self.job_secrets.of(job)
            logins = await self.accounts.registries(job.owner, job.group_name, job.owner_groups)
        except Unreadable as error:
            await self._ended(job, Ended(Status.FAILED, Reason.PLATFORM_ERROR, None, str(error), None, None))
            return None
        try:
            submission = job.valid_submission()
        except ValidationError as error:
            text = f"The job's specification is no longer valid: {in_words(error.errors(include_url=False)[0])}."
            await self._ended(job, Ended(Status.FAILED, Reason.UNSCHEDULABLE, None, text, None, None))
            return None
        attempt = Attempt(
            ref=ref,
            owner=job.owner,
            groups=tuple(job.owner_groups),
            submission=submission,
            machine=machine,
            environment=image.environment,
            image=job.image,
            env=environment(job),
            priority=job.priority,
            commit=job.commit_hash,
            secrets=granted.env,
            git_login=(granted.git.username, granted.git.password) if granted.git else None,
            image_digest=job.image_digest,
            gpus=lease.gpus,
            registry_logins=logins,
            own_image=self.catalog.image(job.image) is None,
            grace_s=GRACE_S,
        )
        try:
            await backend.start(attempt)
        except PlatformAway:
            # It is unknown how far the start got; trying again is always right.
            raise
        except Exception as error:
            failures = self._start_failures[ref] = self._start_failures.get(ref, 0) + 1
            if failures < START_FAILURES:
                raise
            log.exception("%s could not be started", ref)
            text = str(error) if isinstance(error, BackendError) else "The service's log has details."
            # The remains of a failed start must not run later beside the next attempt.
            await backend.stop(ref, 0)
            await self._ended(job, Ended(Status.FAILED, Reason.PLATFORM_ERROR, None, text, None, None))
            return None
        return 1.0

    async def _ended(self, job: JobRecord, end: Ended) -> None:
        self._start_failures.pop(AttemptRef(job.id, job.attempt), None)
        await self.transitions.ended(job, end)
        self.queue.schedule(job.cluster)

    def _attempts(self, job: JobRecord) -> list[AttemptRef]:
        return [AttemptRef(job.id, number) for number in range(1, job.attempt + 1)]

    async def _clean_up(self, job: JobRecord) -> float | None:
        """Remove what the platform still holds of an ended job's attempts. Artifacts and telemetry stay."""
        backend = self.backends.get(job.cluster)
        if backend is None:
            return None
        late = False
        for ref in self._attempts(job):
            over = (await backend.observe(ref)).phase in OVER
            if over and not self.ingest.follow(backend, ref, job.nodes, job.owner):
                # Its end did not wait for its log: the platform's copy is all there is of the rest.
                late = True
            else:
                await backend.remove(ref)
        return SWEEP_S if late else None

    async def _remove_attempts(self, job: JobRecord) -> bool:
        """Remove a deleted job's attempts from the platform, running or not; whether nothing is left of them."""
        backend = self.backends.get(job.cluster)
        if backend is None:
            return True
        left = False
        for ref in self._attempts(job):
            await backend.remove(ref)
            if (await backend.observe(ref)).phase is not Phase.ABSENT:
                await backend.stop(ref, 0)
                left = True
        return not left

    async def _delete(self, job: JobRecord) -> float | None:
        if not await self._remove_attempts(job):
            # Without the row nothing would tell whose the rest is.
            return REMOVAL_LOOK_S
        await self.ingest.forget(job.id)
        if job.id not in self._removed:
            self._remove_files(job)
            return None
        self._removed.discard(job.id)
        async with self.db.write() as conn:
            await store.delete_job(conn, job.id)
        self.transitions.changed(job.id)
        return None

    def _remove_files(self, job: JobRecord) -> None:
        """Remove the job's files outside the queue, because a tree of millions of files must not block other jobs.
        Wakes the job when done."""
        if job.id in self._removing:
            return

        async def remove() -> None:
            try:
                await self.ingest.threads.run_on(job.owner, self.directories.remove_job, job.id)
                self._removed.add(job.id)
                self.queue.wake(job.id)
            except Exception:
                log.exception("the files of %s could not be removed; retrying", job.id)
                self.queue.add_after(job.id, SWEEP_S)
            finally:
                del self._removing[job.id]

        self._removing[job.id] = asyncio.create_task(remove(), name=f"remove-{job.id}")
