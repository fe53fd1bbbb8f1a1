"""The Kubernetes platform: attempts as Jobs, observed through watches."""

from .backend import KubernetesBackend
from .settings import KubernetesSettings, load_settings

__all__ = ["KubernetesBackend", "KubernetesSettings", "load_settings"]
