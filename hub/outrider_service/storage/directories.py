"""Where everything lies on the platform's volume: the only place that computes a user's directory.

<home>/users/<slug>/storage           /storage of a user
<home>/users/<slug>/homes/<slug>      home of a notebook server
<home>/teams/<slug>                   /teams/<slug>, to which /storage/teams leads
<home>/runner/<hex>                   the runner for jobs on Kubernetes
<home>/datasets                       /datasets
<home>/jobs/<id>/                     artifacts/ workspace/ and the log and series of a job
<home>/snapshots/<hex>.zip            uploaded workspaces
<home>/run/jobs/<id>-<attempt>        an attempt while it is cared for: its sandbox, or the raw logs of its pods
<home>/uids.json                      who has which uid (local platform, run by root)
<home>/run/notebooks/<slug>--<slug>   a notebook's sandbox (local platform)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path

from outrider_sandbox import remove_tree

UNNAMED = "_default"
"""For the default server, which has no name. No slug has an underscore."""


def slug(name: str) -> str:
    """A directory- and DNS-safe name for a user, group or server, by JupyterHub's rules for safe slugs."""
    # Here, and not above: the Hubs of zero-to-jupyterhub come with JupyterHub 5, which has no such rules. They import
    # this module with others, and ask the service for every directory.
    from jupyterhub.slugs import safe_slug

    return str(safe_slug(name)) if name else UNNAMED


def attempt_of(name: str) -> tuple[str, int] | None:
    """Job and number of the attempt that has a sandbox of that name."""
    match = re.fullmatch(r"(j[0-9a-z]{12})-(\d+)", name)
    return (match[1], int(match[2])) if match else None


class Directories:
    """Paths below one home directory. Everything is made private to the platform's own OS user."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.datasets = home / "datasets"
        self.snapshots = home / "snapshots"
        self.uploads = home / "uploads"
        self.run = home / "run"
        self.uids = home / "uids.json"

    def make(self) -> None:
        for path in (self.home, self.datasets, self.snapshots, self.uploads, self.run / "jobs"):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def user(self, user: str) -> Path:
        """All that a user keeps: storage, and the homes of their notebooks."""
        return self.home / "users" / slug(user)

    def storage(self, user: str) -> Path:
        return self.user(user) / "storage"

    def team(self, group: str) -> Path:
        return self.home / "teams" / slug(group)

    def make_storage(self, user: str, groups: Iterable[str]) -> dict[Path, str]:
        """Make what a user sees of storage; each directory's place inside a sandbox.

        Nothing is mounted below /storage itself: its owner could have put a link there, on which the mount would
        follow out of the sandbox. A link of ours, which its owner may spoil for themselves only, leads to the teams.
        """
        storage = self.storage(user)
        places = {storage: "/storage"} | {self.team(group): f"/teams/{slug(group)}" for group in groups}
        for path in places:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if len(places) > 1:
            with contextlib.suppress(FileExistsError):
                (storage / "teams").symlink_to("/teams")
        return places

    def notebook_home(self, user: str, server: str) -> Path:
        return self.user(user) / "homes" / slug(server)

    def job(self, job_id: str) -> Path:
        return self.home / "jobs" / job_id

    def remove_job(self, job_id: str) -> None:
        """Everything of a job but what it wrote to /storage."""
        remove_tree(self.job(job_id))

    def artifacts(self, job_id: str) -> Path:
        return self.job(job_id) / "artifacts"

    def workspace(self, job_id: str) -> Path:
        return self.job(job_id) / "workspace"

    def telemetry(self, job_id: str) -> Path:
        return self.job(job_id) / "telemetry"

    def sandbox(self, job_id: str, attempt: int) -> Path:
        return self.run / "jobs" / f"{job_id}-{attempt}"

    def sandboxes(self) -> list[tuple[str, int]]:
        """The attempts that have one: job and number."""
        found = (attempt_of(path.name) for path in (self.run / "jobs").iterdir())
        return [attempt for attempt in found if attempt is not None]

    def snapshot(self, snapshot_id: str) -> Path:
        return self.snapshots / f"{snapshot_id.removeprefix('sha256:')}.zip"
