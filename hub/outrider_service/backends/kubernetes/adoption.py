"""Adopts the objects of versions before the mark, at the first start after the upgrade (see ``owner``)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from ..base import AttemptRef, PlatformAway
from .api import KubernetesApi, KubernetesError
from .cluster_cache import ClusterCache
from .names import MARK_LABEL, ref_of
from .objects import Objects

log = logging.getLogger(__name__)


async def adopt(
    cache: ClusterCache,
    api: KubernetesApi,
    objects: Objects,
    known: Collection[AttemptRef],
    cared_for: Callable[[AttemptRef], bool],
) -> None:
    """Mark the release's unmarked Jobs of these attempts. ``cared_for``: whether an attempt still has a directory, and
    so may have objects without a Job. Raises PlatformAway; call it again then."""
    owner, jobs = cache.owner, cache.jobs.objects
    for job in [job for job in jobs.values() if owner.may_adopt(job) and ref_of(job) in known]:
        name, version = job["metadata"]["name"], job["metadata"]["resourceVersion"]
        # Only if it is unchanged: somebody else may have marked it in the meantime.
        mark = {"metadata": {"labels": {MARK_LABEL: owner.mark}, "resourceVersion": version}}
        try:
            cache.jobs.put(await api.patch(f"{objects.jobs}/{name}", mark))
        except KubernetesError as error:
            if error.status == 404:
                continue
            raise PlatformAway(f"{name} could not be adopted yet: {error}") from error
        log.info("%s: adopted from an earlier version", name)
    for ref in known:
        # A start or a removal was interrupted. A Job with that name, whoever owns it, means they are still in use.
        if (name := owner.unmarked_name(ref)) not in jobs and await asyncio.to_thread(cared_for, ref):
            await objects.remove_beside(name, pulls=True, several=True)
