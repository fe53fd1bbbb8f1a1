"""Compares what platforms hold with what the database knows.

The service ends and removes attempts that the database knows, and nothing else. What it does not know was made by
another installation, or after the backup from which this database was restored, and may be somebody's work: it is left
alone, and reported in the log and to Prometheus. What versions before the mark made is taken over here, once.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from ..backends.base import AttemptRef, Backend, Found, Installation, PlatformAway
from ..capacity.leases import list_leases, notebook_lease_id
from ..db import Database
from . import store
from .installation import load_installation, note_adopted

log = logging.getLogger(__name__)

ADOPT_AGAIN_S: Final = 5.0
LOOK_S: Final = 15.0


def knows(attempts: Mapping[str, int], ref: AttemptRef) -> bool:
    """Whether this attempt is known, given each job's newest attempt."""
    return ref.number <= attempts.get(ref.job_id, 0)


def unknown(found: Iterable[Found], attempts: Mapping[str, int], leases: Collection[str]) -> set[str]:
    """The names of what is no attempt and no notebook of the database's. ``leases``: ids of those that are held."""

    def is_known(one: Found) -> bool:
        if one.notebook is not None:
            return notebook_lease_id(*one.notebook) in leases
        return one.ours and one.attempt is not None and knows(attempts, one.attempt)

    return {one.name for one in found if not is_known(one)}


class Belongings:
    """``unknown``: names of what is left alone, by platform, as of the last look."""

    def __init__(self, db: Database, backends: Mapping[str, Backend]) -> None:
        self._db = db
        self._backends = backends
        self._suspected: dict[str, set[str]] = {}
        self._adopted = False
        self.unknown: dict[str, set[str]] = {}

    async def run(self) -> float:
        """One round. What an earlier version made is taken over before anything is called unknown."""
        if not self._adopted:
            self._adopted = await self.adopt(await load_installation(self._db))
            if not self._adopted:
                return ADOPT_AGAIN_S
        await self.look()
        return LOOK_S

    async def adopt(self, installation: Installation) -> bool:
        """Take over what an earlier version made. False: a platform is away, and it has to be done again."""
        if installation.adopted:
            return True
        for cluster, backend in self._backends.items():
            try:
                refs = set(await backend.known()) | {one.attempt for one in await backend.found() if one.attempt}
                attempts = await self._attempts(refs)
                await backend.adopt([ref for ref in refs if knows(attempts, ref)])
            except PlatformAway as error:
                log.warning("%s: objects of earlier versions could not be adopted yet: %s", cluster, error)
                return False
        await note_adopted(self._db)
        return True

    async def look(self) -> None:
        """Finds what is unknown. What is so twice in a row is told: things come and go between two questions."""
        for cluster, backend in self._backends.items():
            try:
                found = await backend.found()
            except PlatformAway:
                # Its health says so.
                continue
            attempts = await self._attempts(one.attempt for one in found if one.attempt)
            async with self._db.read() as conn:
                leases = {lease.id for lease in await list_leases(conn, prefix="notebook/")}
            suspected = unknown(found, attempts, leases)
            told = self.unknown.get(cluster, set())
            self.unknown[cluster] = suspected & self._suspected.get(cluster, set())
            self._suspected[cluster] = suspected
            for name in sorted(self.unknown[cluster] - told):
                log.warning(
                    "%s on %s has this release's name, but is not in this database. It is left alone; "
                    "if nobody needs it, remove it by hand.",
                    name,
                    cluster,
                )

    async def _attempts(self, refs: Iterable[AttemptRef]) -> dict[str, int]:
        async with self._db.read() as conn:
            return await store.newest_attempts(conn, {ref.job_id for ref in refs})
