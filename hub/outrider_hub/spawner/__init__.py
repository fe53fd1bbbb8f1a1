"""How notebook servers start: what the service decides, put to work on one platform.

``catalog`` is common to all platforms (options, room, progress), ``local`` is this machine.
"""

from .catalog import OutriderSpawnerMixin
from .local import LocalSpawner

__all__ = ["LocalSpawner", "OutriderSpawnerMixin"]
