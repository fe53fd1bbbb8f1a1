"""The local platform: supervised sandboxes on the machine of the service itself."""

from .backend import LocalBackend
from .machine import local_room

__all__ = ["LocalBackend", "local_room"]
