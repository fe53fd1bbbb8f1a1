"""Submits, finds, follows and stops jobs. Talks to the service through ``transport``."""

from __future__ import annotations

import builtins
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from . import reading
from .errors import InvalidRequest, JobFailed, NotFound
from .files import FileTree
from .models import Chart, ChartSummary, Event, LogLine, Points, parse_time
from .snapshots import Observer, Snapshots
from .transport import SERVICE, Transport, segment
from .values import duration, mebibytes

ENDED = frozenset({"succeeded", "failed", "cancelled"})
LOOKED_THROUGH = 1000
"""How many of the latest jobs are searched for an id's prefix."""
_FULL_ID = re.compile(r"j[0-9a-z]{12}")


class Job:
    """A job as the service last described it; ``refresh`` updates it. ``data`` is the complete record."""

    id: str
    name: str
    owner: str
    group: str | None
    project: str | None
    experiment: str | None
    image: str
    image_digest: str | None
    machine: str
    command: str | None
    args: list[str] | None
    notebook: str | None
    workspace: dict[str, Any]
    params: dict[str, Any]
    env: dict[str, str]
    ports: list[dict[str, Any]]
    tags: list[str]
    status: str
    reason: str | None
    exit_code: int | None
    message: str | None
    attempt: int
    queue_position: int | None
    progress: dict[str, Any] | None
    price_per_hour: float
    cost: float
    parent_id: str | None
    created_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    def __init__(self, transport: Transport, data: dict[str, Any]) -> None:
        self._transport = transport
        self.data: dict[str, Any] = {}
        self._load(data)

    def _load(self, data: dict[str, Any]) -> Job:
        self.data = data
        for name in Job.__annotations__:
            value = data.get(name)
            setattr(self, name, parse_time(value) if name.endswith("_at") else value)
        return self

    def __repr__(self) -> str:
        return f"<Job {self.id} {self.name!r} {self.status}>"

    @property
    def address(self) -> str:
        """The job's path in the API."""
        return f"{SERVICE}/jobs/{segment(self.id)}"

    @property
    def url(self) -> str:
        """The address of the job's web page."""
        return f"{self._transport.url}/services/outrider/jobs/{segment(self.id)}"

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def artifacts(self) -> FileTree:
        """What the job left in /artifacts."""
        return FileTree(self._transport, f"{self.address}/artifacts", f"the artifacts of {self.id}")

    @property
    def workspace_files(self) -> FileTree:
        """The code that the job started with."""
        return FileTree(self._transport, f"{self.address}/workspace", f"the workspace of {self.id}")

    def refresh(self) -> Job:
        return self._load(self._transport.json("GET", self.address))

    def wait(self, timeout: float | None = None, *, check: bool = False) -> Job:
        """Wait until the job has ended. Raises WaitTimeout after ``timeout`` seconds; the job keeps running.

        ``check``: raise JobFailed unless it succeeded.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        if not self.ended:
            for _ in self.events(follow=True, deadline=deadline):
                pass
            self.refresh()
        if check and self.status != "succeeded":
            what = self.message or f"{self.status} ({self.reason})"
            raise JobFailed(f"Job {self.id} {self.status}: {what}", self.exit_code, self.reason)
        return self

    def logs(
        self,
        *,
        follow: bool = False,
        after: int = 0,
        tail: int | None = None,
        search: str | None = None,
    ) -> Iterator[LogLine]:
        """The log's lines after number ``after``; with ``follow`` until the job has ended, each line once even if the
        connection breaks. ``tail``: only the last lines; ``search``: only lines with this text."""
        path = f"{self.address}/logs"
        return reading.logs(self._transport, path, follow=follow, after=after, tail=tail, search=search)

    def events(self, *, follow: bool = False, deadline: float | None = None) -> Iterator[Event]:
        """The timeline so far, or with ``follow`` until the job has ended; ``deadline`` is a time of
        ``time.monotonic``."""
        return reading.events(self._transport, f"{self.address}/events", follow=follow, deadline=deadline)

    def charts(self) -> list[ChartSummary]:
        """The job's charts with their last values."""
        found = self._transport.json("GET", f"{self.address}/metrics")
        return [ChartSummary.parse(item) for item in found["items"]]

    def chart(self, chart: str, *, points: int = 2000, attempt: int | None = None, series: str | None = None) -> Chart:
        """A chart's curves, downsampled to about ``points`` each."""
        params = {"points": points, "attempt": attempt, "series": series}
        path = f"{self.address}/metrics/{segment(chart)}"
        return Chart.parse(self._transport.json("GET", path, params=params))

    def metrics(self, chart: str | None = None, *, points: int = 2000) -> Any:
        """Without a name, all charts' last values. With a name, its points: a DataFrame if pandas is installed, else a
        Chart (which ``chart`` always returns)."""
        if chart is None:
            return self.charts()
        found = self.chart(chart, points=points)
        try:
            return found.frame()
        except ImportError:
            return found

    def follow_metrics(self) -> Iterator[Points]:
        """New points as they arrive, until the job has ended."""
        return reading.points(self._transport, f"{self.address}/metrics")

    def stop(self) -> Job:
        """Stop the job; does nothing if it has ended."""
        return self._load(self._transport.json("POST", f"{self.address}/stop", safe=True))

    def delete(self) -> None:
        """Stop the job and permanently delete its log and artifacts; /storage is not affected."""
        self._transport.json("DELETE", self.address, safe=True)

    def clone(self, *, name: str | None = None, latest: bool = False) -> Job:
        """Run the job again with the same pinned image and code; ``latest`` resolves the image's tag and the Git ref
        again."""
        body = {"name": name, "latest": latest} if name else {"latest": latest}
        return Job(self._transport, self._transport.json("POST", f"{self.address}/clone", body=body))


class Jobs:
    """The caller's jobs, and others' that the caller may see."""

    def __init__(self, transport: Transport, snapshots: Snapshots) -> None:
        self._transport = transport
        self._snapshots = snapshots

    def create(
        self,
        *,
        command: str | None = None,
        args: Sequence[str] | None = None,
        notebook: str | None = None,
        workspace: str | os.PathLike[str] | Mapping[str, Any] = ".",
        ignore_files: Sequence[str | os.PathLike[str]] = (),
        timeout: str | int | None = None,
        shm: str | int | None = None,
        inputs: Mapping[str, str | Job] | None = None,
        idempotency_key: str | None = None,
        observer: Observer | None = None,
        **fields: Any,
    ) -> Job:
        """Submit a job: exactly one of ``command`` (a shell line), ``args`` (a list) and ``notebook``.

        ``workspace``: a directory (default: the current one), a zip file, a git URL with or without @REF,
        "none", or the result of ``snapshots.prepare``. ``timeout``: seconds or "2h"; ``shm``: MiB or "2g".
        The other fields are the submission's own: name, image, machine, env, params, secrets, ports, public,
        project, experiment, group, tags, retries, priority, nodes, cluster.
        """
        body: dict[str, Any] = {name: value for name, value in fields.items() if value is not None}
        try:
            given = {
                "command": command,
                "args": None if args is None else builtins.list(args),
                "notebook": notebook,
                "timeout_s": None if timeout is None else duration(timeout),
                "shm_mb": None if shm is None else mebibytes(shm),
            }
        except ValueError as error:
            raise InvalidRequest(str(error)) from error
        body.update({name: value for name, value in given.items() if value is not None})
        if inputs:
            body["inputs"] = {name: job.id if isinstance(job, Job) else job for name, job in inputs.items()}
        if isinstance(workspace, Mapping):
            body["workspace"] = dict(workspace)
        else:
            body["workspace"] = self._snapshots.prepare(workspace, ignore_files=ignore_files, observer=observer)
        # With an idempotency key a submission can be retried after a broken connection.
        headers = {"Idempotency-Key": idempotency_key or uuid.uuid4().hex}
        data = self._transport.json("POST", f"{SERVICE}/jobs", body=body, headers=headers, safe=True)
        return Job(self._transport, data)

    def get(self, job_id: str) -> Job:
        """The job with this id."""
        return Job(self._transport, self._transport.json("GET", f"{SERVICE}/jobs/{segment(job_id)}"))

    def page(self, *, cursor: str | None = None, limit: int | None = None, **filters: Any) -> dict[str, Any]:
        """One page as the service sends it: ``items`` and, if there are more, ``next``."""
        params = {"cursor": cursor, "limit": limit, **filters}
        page: dict[str, Any] = self._transport.json("GET", f"{SERVICE}/jobs", params=params)
        return page

    def list(self, *, limit: int | None = None, **filters: Any) -> Iterator[Job]:
        """Jobs, newest first. Filters: status (or a list of them), project, experiment, owner, group, tag, q."""
        cursor, left = None, limit
        while left is None or left > 0:
            page = self.page(cursor=cursor, limit=100 if left is None else min(left, 100), **filters)
            for item in page["items"][:left]:
                yield Job(self._transport, item)
            left = None if left is None else left - len(page["items"])
            cursor = page.get("next")
            if not cursor:
                return

    def find(self, reference: str) -> Job:
        """Look up a job by its id, a unique prefix of it, or ``@last`` for the caller's latest."""
        if reference == "@last":
            me = self._transport.json("GET", f"{SERVICE}/me")
            for job in self.list(limit=1, owner=me["name"]):
                return self.get(job.id)
            raise NotFound("You have no jobs yet.", 404)
        if _FULL_ID.fullmatch(reference):
            return self.get(reference)
        if not re.fullmatch(r"j[0-9a-z]{0,12}", reference):
            raise NotFound(f"There is no job {reference!r}: an id begins with j, as in jab12cd34ef56.", 404)
        found = [job for job in self.list(limit=LOOKED_THROUGH) if job.id.startswith(reference)]
        if not found:
            raise NotFound(f"There is no job {reference}… among your latest {LOOKED_THROUGH}.", 404)
        if len(found) > 1:
            names = ", ".join(job.id for job in found[:5]) + (", …" if len(found) > 5 else "")
            raise InvalidRequest(f"{reference} matches {len(found)} jobs: {names}")
        return self.get(found[0].id)
