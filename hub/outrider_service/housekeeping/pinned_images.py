"""Whether the tags of pinned images have moved: asked slowly, the longest unasked first, since registries limit the
rate."""

from __future__ import annotations

from typing import Final

from ..catalog.stored import Row, StoredCatalog
from ..clock import now
from ..registry import BadReference
from ..registry.checks import ImageChecks, compared
from ..schema.catalog import ImageFacts

CHECK_S: Final = 900.0
FRESH_S: Final = 86400.0
AT_ONCE: Final = 10


class PinnedImages:
    """Asks registries about the catalog's pinned images, and keeps the answers."""

    def __init__(self, catalog: StoredCatalog, checks: ImageChecks) -> None:
        self._catalog = catalog
        self._checks = checks

    async def run(self) -> float:
        """One round; returns the seconds until the next."""
        oldest = sorted(self._catalog.pinned_images(), key=lambda row: (row.facts or {}).get("checked_at", ""))
        for row in oldest[:AT_ONCE]:
            facts = ImageFacts.model_validate(row.facts) if row.facts else None
            if facts is not None and now() - facts.checked_at.timestamp() < FRESH_S:
                break
            await self._ask_again(row, facts)
        return CHECK_S

    async def _ask_again(self, row: Row, before: ImageFacts | None) -> None:
        try:
            fresh = await self._checks.ask(row.name, row.owner)
        except BadReference:
            return
        facts = compared(fresh, before, row.model.digest)
        await self._catalog.note_facts(row, facts.model_dump(mode="json"))
