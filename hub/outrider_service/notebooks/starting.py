"""What the Hub's spawner is told to start: the notebook's machine, what it mounts, its variables and its repository."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ..auth import Caller
from ..backends.base import Backend, NotebookPlace
from ..catalog import Catalog
from ..schema.resources import Mount, PodParts, Repository, SpawnRequest, SpawnSpec
from ..storage.directories import Directories
from ..vault import Accounts, Unreadable
from .leasing import Spawns, rules_for
from .repositories import folder_of

log = logging.getLogger(__name__)

HOME = "/home/outrider"


class NotebookStarts:
    """Prepares the start of notebooks."""

    def __init__(
        self,
        leases: Spawns,
        catalog: Catalog,
        directories: Directories,
        backends: Mapping[str, Backend],
        accounts: Accounts,
    ) -> None:
        self._leases = leases
        self._catalog = catalog
        self._directories = directories
        self._backends = backends
        self._accounts = accounts

    async def prepare(self, person: Caller, server: str, wanted: SpawnRequest) -> SpawnSpec:
        """Lease a machine and make the directories. Asking again for a server that has a machine gives the same
        answer. Raises RequestRefused, and BackendError when the platform fails."""
        user, groups = person.name, tuple(wanted.user_groups)
        acquired = await self._leases.acquire(person, server, wanted)
        lease, machine = acquired.lease, acquired.machine
        home = self._directories.notebook_home(user, server)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        mounts = [(source, target, False) for source, target in self._directories.make_storage(user, groups).items()]
        mounts += [(self._directories.datasets, "/datasets", True), (home, HOME, False)]
        rules = rules_for(machine, lease)
        place = NotebookPlace(
            lease=lease.id,
            owner=user,
            machine=machine,
            image=lease.image,
            image_digest=acquired.image.digest,
            mounts=mounts,
            clones=wanted.git_url is not None,
            registry_logins=await self._accounts.registries(user, wanted.group, groups),
            own_image=self._catalog.image(acquired.image.name) is None,
        )
        pod = await self._backends[lease.cluster].notebook(place)
        return SpawnSpec(
            lease=lease.id,
            image=lease.image,
            environment=acquired.environment,
            machine=lease.machine,
            cpu=lease.cpu,
            memory_mb=lease.memory_mb,
            gpus=lease.gpus,
            price_per_hour=lease.price_per_hour,
            max_age_s=rules.max_age_s,
            idle_timeout_s=rules.idle_s,
            gpu_idle_timeout_s=rules.gpu_idle_s,
            mounts=[Mount(source=str(s), target=t, read_only=r) for s, t, r in mounts],
            home=HOME,
            env={
                "OUTRIDER_STORAGE": "/storage",
                "OUTRIDER_DATASETS": "/datasets",
                "OUTRIDER_MACHINE": lease.machine,
                "OUTRIDER_IMAGE": lease.image,
                **({"OUTRIDER_GPU_IDLE_TIMEOUT": str(rules.gpu_idle_s)} if rules.gpu_idle_s else {}),
            },
            repository=await self._repository(user, wanted),
            pod=PodParts(**pod) if pod is not None else None,
        )

    async def _repository(self, user: str, wanted: SpawnRequest) -> Repository | None:
        """What is to be cloned. An account that cannot be opened is left out; git then says what it lacks."""
        if wanted.git_url is None:
            return None
        try:
            login = await self._accounts.git(user, wanted.group, wanted.user_groups, wanted.git_url)
        except Unreadable as error:
            log.warning("the Git account of %s for %s: %s", user, wanted.git_url, error)
            login = None
        return Repository(
            url=wanted.git_url,
            ref=wanted.git_ref,
            folder=folder_of(wanted.git_url),
            login=[login.username, login.password] if login else None,
        )
