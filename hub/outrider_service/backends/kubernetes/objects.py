"""The objects beside a Job, in one namespace: created once or replaced, and removed by name."""

from __future__ import annotations

from .api import KubernetesApi, KubernetesError, Object
from .owner import pull_name


class Objects:
    """Secrets are never read: the service may only create and delete them."""

    def __init__(self, api: KubernetesApi, namespace: str) -> None:
        self._api = api
        core = f"/api/v1/namespaces/{namespace}"
        self.jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self.pods, self.secrets, self.services = f"{core}/pods", f"{core}/secrets", f"{core}/services"
        self.policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"

    async def create_once(self, path: str, manifest: Object) -> None:
        """Create it unless one with that name exists."""
        try:
            await self._api.create(path, manifest)
        except KubernetesError as error:
            if error.status != 409:
                raise

    async def create_secret_anew(self, secret: Object) -> None:
        """Create it, replacing one with that name."""
        try:
            await self._api.create(self.secrets, secret)
        except KubernetesError as error:
            if error.status != 409:
                raise
            await self.remove_secret(secret["metadata"]["name"])
            await self._api.create(self.secrets, secret)

    async def remove_secret(self, name: str) -> None:
        await self._api.delete(f"{self.secrets}/{name}")

    async def remove_beside(self, name: str, *, pulls: bool, several: bool) -> None:
        """Remove the objects beside the Job of that name. ``pulls``: also its pull Secret; ``several``: also the
        objects for several machines."""
        await self.remove_secret(name)
        if pulls:
            await self.remove_secret(pull_name(name))
        if several:
            await self._api.delete(f"{self.services}/{name}")
            await self._api.delete(f"{self.policies}/{name}")
