"""Secrets in the database. Values go in; they come out for a job's sandbox and for a registry, never for a client."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, select, update

from ..clock import now
from ..db import Database
from ..db.tables import secrets
from ..db.upsert import upsert
from .sealing import Seal, Unreadable

log = logging.getLogger(__name__)

VARIABLE: Final = "variable"
REGISTRY: Final = "registry"
GIT: Final = "git"
SSH: Final = "ssh"
EVERYBODY: Final = "everybody"


def user_subject(name: str) -> str:
    return f"user:{name}"


def group_subject(name: str) -> str:
    return f"group:{name}"


class TooManySecrets(Exception):
    """The subject has reached its maximum number of secrets."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A stored secret. ``account`` is the user name that belongs to a registry's or Git server's password."""

    subject: str
    kind: str
    name: str
    account: str | None
    changed_at: float
    changed_by: str
    sealed: str


@dataclass(frozen=True, slots=True)
class Login:
    """An opened account."""

    username: str
    password: str


class Vault:
    """Stores secrets by (subject, kind, name). A user's secrets take precedence over their groups', and those over
    everybody's."""

    most = 200

    def __init__(self, db: Database, seal: Seal) -> None:
        self._db = db
        self._seal = seal

    async def put(self, subject: str, kind: str, name: str, value: str, account: str | None, by: str) -> Secret:
        """Raises TooManySecrets."""
        sealed = self._seal.close([subject, kind, name], {"value": value})
        secret = Secret(subject, kind, name, account, now(), by, sealed)
        row = {key: getattr(secret, key) for key in Secret.__slots__}
        async with self._db.write() as conn:
            others = select(func.count()).where(
                secrets.c.subject == subject, (secrets.c.kind != kind) | (secrets.c.name != name)
            )
            if (await conn.execute(others)).scalar_one() >= self.most:
                raise TooManySecrets(f"There are already {self.most} secrets. Remove one first.")
            await upsert(conn, secrets, row, "account", "changed_at", "changed_by", "sealed")
        return secret

    async def remove(self, subject: str, kind: str, name: str) -> bool:
        """False where there was none."""
        where = (secrets.c.subject == subject, secrets.c.kind == kind, secrets.c.name == name)
        async with self._db.write() as conn:
            return (await conn.execute(delete(secrets).where(*where))).rowcount > 0

    async def all_of(self, subjects: Sequence[str], kind: str | None = None) -> list[Secret]:
        query = select(secrets).where(secrets.c.subject.in_(subjects)).order_by(secrets.c.kind, secrets.c.name)
        if kind is not None:
            query = query.where(secrets.c.kind == kind)
        async with self._db.read() as conn:
            return [Secret(**row) for row in (await conn.execute(query)).mappings()]

    async def missing(self, subjects: Sequence[str], names: Iterable[str]) -> list[str]:
        """The variables that none of the subjects has."""
        known = {secret.name for secret in await self.all_of(subjects, VARIABLE)}
        return [name for name in names if name not in known]

    async def variables(self, subjects: Sequence[str], names: Iterable[str]) -> dict[str, str]:
        """Values for a job, each from the first subject that has it. Raises Unreadable, also when a secret is
        gone."""
        found = self._by_name(subjects, await self.all_of(subjects, VARIABLE))
        values = {}
        for name in names:
            if name not in found:
                raise Unreadable(f"The secret {name} no longer exists.")
            values[name] = self._value(found[name])
        return values

    async def login(self, subjects: Sequence[str], kind: str, name: str) -> Login | None:
        """The account to use at a registry or Git server. Raises Unreadable."""
        found = self._by_name(subjects, [s for s in await self.all_of(subjects, kind) if s.name == name])
        secret = found.get(name)
        return Login(secret.account or "", self._value(secret)) if secret is not None else None

    async def logins(self, subjects: Sequence[str], kind: str) -> dict[str, Login]:
        """All accounts by server name, each from the first subject that has it. Accounts that no key opens are
        logged and left out."""
        found: dict[str, Login] = {}
        for name, secret in self._by_name(subjects, await self.all_of(subjects, kind)).items():
            try:
                found[name] = Login(secret.account or "", self._value(secret))
            except Unreadable as error:
                log.warning("%s's account at %s: %s", secret.subject, name, error)
        return found

    async def rotate(self) -> int:
        """Seal everything with a new key and return how many secrets that were; those that no key opens stay
        unchanged. Safe to kill at any point, because the old keys are removed last."""
        self._seal.add_key()
        done = 0
        async with self._db.write() as conn:
            for row in (await conn.execute(select(secrets))).mappings().all():
                try:
                    sealed = self._seal.again(row["sealed"])
                except Unreadable:
                    continue
                where = [secrets.c[key] == row[key] for key in ("subject", "kind", "name")]
                await conn.execute(update(secrets).where(*where).values(sealed=sealed))
                done += 1
        self._seal.drop_old_keys()
        return done

    def _value(self, secret: Secret) -> str:
        return self._seal.open([secret.subject, secret.kind, secret.name], secret.sealed)["value"]

    @staticmethod
    def _by_name(subjects: Sequence[str], found: Iterable[Secret]) -> dict[str, Secret]:
        order = {subject: place for place, subject in enumerate(subjects)}
        chosen: dict[str, Secret] = {}
        for secret in sorted(found, key=lambda secret: order[secret.subject]):
            chosen.setdefault(secret.name, secret)
        return chosen
