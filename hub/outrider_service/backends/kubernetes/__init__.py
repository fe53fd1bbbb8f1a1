"""The Kubernetes platform: attempts as Jobs, observed through watches."""

from ..base import BackendContext
from .backend import KubernetesBackend
from .settings import KubernetesSettings, load_settings

__all__ = ["KubernetesBackend", "KubernetesSettings", "load_settings", "make_backend"]


def make_backend(context: BackendContext) -> KubernetesBackend | None:
    """The cluster described in the operator's file, or None if there is no file."""
    if context.kubernetes is None:
        return None
    return KubernetesBackend.connected(context.directories, load_settings(context.kubernetes))
