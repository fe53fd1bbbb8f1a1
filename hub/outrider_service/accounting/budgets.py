"""Monthly budgets: what is left, a warning at 80 %, and stopping what runs when nothing is left."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from ..capacity.leases import Lease, list_leases
from ..capacity.waiting import waiting_for_money
from ..catalog import Catalog
from ..clock import now
from ..db import Database
from .ledger import payer
from .report import spent_by_subject

WARN_AT: Final = 0.8


@dataclass(frozen=True, slots=True)
class Account:
    """One budget in this month. ``budget`` None: no limit."""

    subject: str
    budget: float | None
    spent: float

    @property
    def left(self) -> float | None:
        return None if self.budget is None else self.budget - self.spent

    @property
    def used_up(self) -> bool:
        return self.left is not None and self.left <= 0

    @property
    def nearly(self) -> bool:
        return self.budget is not None and self.spent >= WARN_AT * self.budget


def next_month(time: float) -> datetime:
    """When budgets are next reset."""
    today = datetime.fromtimestamp(time, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return today.replace(year=today.year + today.month // 12, month=today.month % 12 + 1)


class Budgets:
    """Reads the limits and the ledger."""

    def __init__(self, db: Database, catalog: Catalog) -> None:
        self._db = db
        self._catalog = catalog

    @property
    def any(self) -> bool:
        """Whether anybody has a budget at all."""
        return self._catalog.has_budgets

    def budget_of(self, subject: str) -> float | None:
        kind, _, name = subject.partition(":")
        limits = self._catalog.group_limits(name) if kind == "group" else self._catalog.limits(name)
        return limits.budget_per_month

    async def accounts(self, subjects: Iterable[str]) -> list[Account]:
        """The current state of these budgets."""
        chosen = list(dict.fromkeys(subjects))
        users = [s.removeprefix("user:") for s in chosen if s.startswith("user:")]
        groups = [s.removeprefix("group:") for s in chosen if s.startswith("group:")]
        async with self._db.read() as conn:
            spent = await spent_by_subject(conn, now(), users, groups)
        return [Account(subject, self.budget_of(subject), spent.get(subject, 0.0)) for subject in chosen]

    async def refusal(self, owner: str, group: str | None, price_per_hour: float) -> str | None:
        """Why something at this price cannot start, or None. What is free of charge always can."""
        subject = payer(owner, group)
        if price_per_hour <= 0 or self.budget_of(subject) is None:
            return None
        (account,) = await self.accounts([subject])
        if not account.used_up:
            return None
        who = f"The group {group} has" if group else "You have"
        return (
            f"{who} used up this month's budget of {account.budget:.2f}. It resets on "
            f"{next_month(now()):%-d %B}; ask an administrator for more, or use a machine type without a price."
        )


class Stops(Protocol):
    """Stops jobs and notebooks."""

    async def job(self, job_id: str) -> None: ...

    async def notebook(self, user: str, server: str) -> None: ...


Warn = Callable[[Account], Awaitable[None]]


class BudgetGuard:
    """Checks everyone who spends: warns once a month and stops what runs when nothing is left."""

    def __init__(self, db: Database, budgets: Budgets, stops: Stops, warn: Warn) -> None:
        self._db = db
        self._budgets = budgets
        self._stops = stops
        self._warn = warn

    async def look(self, longest_s: float) -> float:
        """One round. Returns the seconds until the next: earlier than usual where a budget ends before that."""
        if not self._budgets.any:
            return longest_s
        async with self._db.read() as conn:
            held = [lease for lease in await list_leases(conn) if lease.price_per_hour > 0]
            waiting = await waiting_for_money(conn)
        by_payer: dict[str, list[Lease]] = {}
        for lease in held:
            subject = payer(lease.owner, lease.group_name)
            if self._budgets.budget_of(subject) is not None:
                by_payer.setdefault(subject, []).append(lease)
        queued: dict[str, list[str]] = {}
        for job_id, owner, group in waiting:
            if self._budgets.budget_of(subject := payer(owner, group)) is not None:
                queued.setdefault(subject, []).append(job_id)
        wait = longest_s
        for account in await self._budgets.accounts([*by_payer, *queued]):
            if account.nearly:
                await self._warn(account)
            if account.used_up:
                for lease in by_payer.get(account.subject, ()):
                    await self._stop(lease)
                for job_id in queued.get(account.subject, ()):
                    await self._stops.job(job_id)
            elif account.subject not in by_payer:
                continue
            elif account.left is not None:
                rate = sum(lease.price_per_hour for lease in by_payer[account.subject]) / 3600
                wait = min(wait, account.left / rate + 0.1)
        return wait

    async def _stop(self, lease: Lease) -> None:
        _, first, second = lease.id.split("/", 2)
        if lease.kind == "job":
            await self._stops.job(first)
        else:
            await self._stops.notebook(first, second)
