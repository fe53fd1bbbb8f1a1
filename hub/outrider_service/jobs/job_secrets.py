"""What a job is given of its owner's secrets, and hiding it from the log. Reads the vault."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from ..auth import Caller
from ..backends.base import RegistryLogin
from ..schema.jobs import Submission
from ..vault import EVERYBODY, GIT, REGISTRY, SSH, Login, Unreadable, Vault, group_subject, user_subject
from ..vault.deploykeys import as_login
from ..vault.masking import masker
from .model import JobRecord

log = logging.getLogger(__name__)

KEPT_MASKS: Final = 4096

Mask = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class AttemptSecrets:
    """For the sandbox alone."""

    env: dict[str, str] = field(default_factory=dict, repr=False)
    git: Login | None = field(default=None, repr=False)


def subjects(owner: str, billed_to: str | None, groups: Iterable[str]) -> list[str]:
    """Whose secrets a job may have, in the order in which they are looked for."""
    others = sorted(set(groups) - {billed_to})
    return [user_subject(owner), *(group_subject(group) for group in [billed_to, *others] if group)]


def git_server(workspace: dict[str, Any]) -> tuple[str, str] | None:
    """The kind of credentials that a workspace may need, and of which server."""
    if workspace.get("type") != "git":
        return None
    parts = urlsplit(workspace["url"])
    return (SSH if parts.scheme == "ssh" else GIT), parts.netloc.rpartition("@")[2].lower()


class JobSecrets:
    """Looks up secrets for jobs."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._masks: OrderedDict[str, Mask | None] = OrderedDict()

    async def missing(self, caller: Caller, wanted: Submission) -> list[str]:
        """Secrets that a submission names and nobody has whose they could be."""
        if not wanted.secrets:
            return []
        return await self._vault.missing(subjects(caller.name, wanted.group, caller.groups), wanted.secrets)

    async def of(self, job: JobRecord) -> AttemptSecrets:
        """What the job starts with. Raises Unreadable with a sentence for its owner."""
        whose = subjects(job.owner, job.group_name, job.owner_groups)
        names = job.spec.get("secrets") or []
        env = await self._vault.variables(whose, names) if names else {}
        git = await self._login(whose, job.spec["workspace"])
        self._remember(job.id, masker([*env.values(), *([git.password] if git else [])]))
        return AttemptSecrets(env, git)

    async def registries(self, owner: str, billed_to: str | None, groups: Iterable[str]) -> tuple[RegistryLogin, ...]:
        """Accounts with which this person's images are pulled: their own, their groups', everybody's."""
        whose = [*subjects(owner, billed_to, groups), EVERYBODY]
        found = await self._vault.logins(whose, REGISTRY)
        return tuple(RegistryLogin(name, login.username, login.password) for name, login in found.items())

    async def git_login(self, owner: str, billed_to: str | None, groups: Iterable[str], url: str) -> Login | None:
        """The account with which somebody's notebook reads a repository; None: there is none that can be opened."""
        try:
            return await self._login(subjects(owner, billed_to, groups), {"type": "git", "url": url})
        except Unreadable as error:
            log.warning("the Git account of %s for %s: %s", owner, url, error)
            return None

    async def _login(self, whose: list[str], workspace: dict[str, Any]) -> Login | None:
        """For the server of a repository. Raises Unreadable."""
        server = git_server(workspace)
        found = await self._vault.login(whose, *server) if server else None
        return as_login(found.password) if found is not None and server is not None and server[0] == SSH else found

    async def mask(self, job: JobRecord) -> Mask | None:
        """What hides the job's secrets in its output; None: it has none."""
        if job.id in self._masks:
            return self._masks[job.id]
        whose = subjects(job.owner, job.group_name, job.owner_groups)
        values: list[str] = []
        for name in job.spec.get("secrets") or []:
            try:
                values += (await self._vault.variables(whose, [name])).values()
            except Unreadable as error:
                log.warning("output of %s: %s", job.id, error)
        try:
            login = await self._login(whose, job.spec["workspace"])
            values += [login.password] if login else []
        except Unreadable as error:
            log.warning("output of %s: %s", job.id, error)
        self._remember(job.id, found := masker(values))
        return found

    def _remember(self, job_id: str, mask: Mask | None) -> None:
        """What it was given, even if the secret has another value by now."""
        self._masks[job_id] = mask
        self._masks.move_to_end(job_id)
        if len(self._masks) > KEPT_MASKS:
            self._masks.popitem(last=False)
