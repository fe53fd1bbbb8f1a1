"""The secrets that a job gets, and the mask that hides them in its log."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..auth import Caller
from ..db import Database
from ..schema.jobs import Submission
from ..vault import Accounts, Login, Unreadable, Vault
from ..vault.accounts import subjects
from ..vault.masking import masker
from . import store
from .model import JobRecord

log = logging.getLogger(__name__)

KEPT_MASKS: Final = 4096

Mask = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class AttemptSecrets:
    """For the sandbox alone: variables, and the account for a Git workspace."""

    env: dict[str, str] = field(default_factory=dict, repr=False)
    git: Login | None = field(default=None, repr=False)


class JobSecrets:
    """Looks up secrets for jobs."""

    def __init__(self, db: Database, vault: Vault, accounts: Accounts) -> None:
        self._db = db
        self._vault = vault
        self._accounts = accounts
        self._masks: OrderedDict[str, Mask | None] = OrderedDict()

    async def missing(self, caller: Caller, wanted: Submission) -> list[str]:
        """Secrets that a submission names and that neither the caller nor their groups have."""
        if not wanted.secrets:
            return []
        return await self._vault.missing(subjects(caller.name, wanted.group, caller.groups), wanted.secrets)

    async def of(self, job: JobRecord) -> AttemptSecrets:
        """The secrets that the job starts with. Raises Unreadable with a sentence for its owner."""
        names = job.submission.secrets
        env = await self._vault.variables(_subjects(job), names) if names else {}
        git = await self._git(job)
        self._remember(job.id, masker([*env.values(), *([git.password] if git else [])]))
        return AttemptSecrets(env, git)

    async def _git(self, job: JobRecord) -> Login | None:
        """The account for the job's Git workspace; None: it needs none, or there is none. Raises Unreadable."""
        workspace = job.submission.workspace
        if workspace.type != "git":
            return None
        return await self._accounts.git(job.owner, job.group_name, job.owner_groups, workspace.url)

    async def mask(self, job_id: str) -> Mask | None:
        """What hides the job's secrets in its output; None: it has none."""
        if job_id in self._masks:
            return self._masks[job_id]
        async with self._db.read() as conn:
            job = await store.get_job(conn, job_id)
        if job is None:
            return None
        values: list[str] = []
        for name in job.submission.secrets:
            try:
                values += (await self._vault.variables(_subjects(job), [name])).values()
            except Unreadable as error:
                log.warning("output of %s: %s", job.id, error)
        try:
            login = await self._git(job)
            values += [login.password] if login else []
        except Unreadable as error:
            log.warning("output of %s: %s", job.id, error)
        self._remember(job.id, found := masker(values))
        return found

    def _remember(self, job_id: str, mask: Mask | None) -> None:
        """Keep the mask of what the job was given, even if the secret changes later."""
        self._masks[job_id] = mask
        self._masks.move_to_end(job_id)
        if len(self._masks) > KEPT_MASKS:
            self._masks.popitem(last=False)


def _subjects(job: JobRecord) -> list[str]:
    return subjects(job.owner, job.group_name, job.owner_groups)
