"""Accounts at container registries and Git servers, looked up for somebody's job or notebook. Reads the vault."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .deploykeys import as_login
from .sealing import Unreadable
from .store import EVERYBODY, GIT, REGISTRY, SSH, Login, Vault, group_subject, user_subject

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """An account at a container registry, by the registry's normal name."""

    registry: str
    username: str
    password: str = field(repr=False)


def subjects(owner: str, billed_to: str | None, groups: Iterable[str]) -> list[str]:
    """Whose secrets this person may use, in the order in which they are looked for: their own, those of the group
    that pays, those of their other groups."""
    others = sorted(set(groups) - {billed_to})
    return [user_subject(owner), *(group_subject(group) for group in [billed_to, *others] if group)]


def git_server(url: str) -> tuple[str, str]:
    """The kind of credentials that reading a repository may need, and the name of its server."""
    parts = urlsplit(url)
    return (SSH if parts.scheme == "ssh" else GIT), parts.netloc.rpartition("@")[2].lower()


class Accounts:
    """Looks up accounts for people."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def registries(self, owner: str, billed_to: str | None, groups: Iterable[str]) -> tuple[RegistryLogin, ...]:
        """Accounts with which this person's images are pulled: their own, their groups', everybody's."""
        whose = [*subjects(owner, billed_to, groups), EVERYBODY]
        found = await self._vault.logins(whose, REGISTRY)
        return tuple(RegistryLogin(name, login.username, login.password) for name, login in found.items())

    async def registry(self, user: str, registry: str) -> Login | None:
        """The user's own account at one registry, or everybody's; ``user`` may be empty. What cannot be opened is left
        out, and said in the log."""
        whose = [user_subject(user), EVERYBODY] if user else [EVERYBODY]
        try:
            return await self._vault.login(whose, REGISTRY, registry)
        except Unreadable as error:
            log.warning("credentials for %s: %s", registry, error)
            return None

    async def git(self, owner: str, billed_to: str | None, groups: Iterable[str], url: str) -> Login | None:
        """The account with which this person reads a repository. Raises Unreadable."""
        kind, server = git_server(url)
        found = await self._vault.login(subjects(owner, billed_to, groups), kind, server)
        return as_login(found.password) if found is not None and kind == SSH else found
