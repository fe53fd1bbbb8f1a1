"""The local platform: supervised sandboxes on the machine of the service itself."""

from ..base import BackendContext
from .backend import LocalBackend
from .machine import local_room

__all__ = ["LocalBackend", "make_backend"]


def make_backend(context: BackendContext) -> LocalBackend | None:
    """This machine, unless a cluster takes its place."""
    if "default" in context.taken:
        return None
    return LocalBackend(
        context.directories,
        context.hub_address,
        context.isolation,
        local_room(context.local),
        context.closed_networks,
        context.web,
        context.uids,
    )
