"""The Kubernetes platform: attempts as Jobs, observed through watches."""

from .backend import KubernetesBackend
from .settings import KubernetesSettings

__all__ = ["KubernetesBackend", "KubernetesSettings"]
