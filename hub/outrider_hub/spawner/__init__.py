"""Starts notebook servers as the service decides, on one platform.

``catalog`` is common to all platforms (options, leases, progress); ``local`` and ``kubernetes`` are the platforms.
"""

from .catalog import OutriderSpawnerMixin
from .local import LocalSpawner

__all__ = ["LocalSpawner", "OutriderSpawnerMixin"]
