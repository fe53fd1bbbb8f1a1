"""The backend in the tests' own process, on a namespace's volume."""

from __future__ import annotations

from typing import Any

from outrider_service.backends.kubernetes import KubernetesBackend, KubernetesSettings
from outrider_service.backends.kubernetes.api import KubernetesApi
from outrider_service.storage.directories import Directories
from tests.cluster.harness.product import Images
from tests.cluster.tools import Namespace


def make_backend(namespace: Namespace, images: Images, **changes: Any) -> KubernetesBackend:
    directories = Directories(namespace.folder)
    directories.make()
    settings = KubernetesSettings(namespace=namespace.name, runner_image=images.runner, **changes)
    return KubernetesBackend(directories, settings, KubernetesApi(str(namespace.cluster.kubeconfig)))
