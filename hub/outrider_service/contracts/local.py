"""What notebooks and jobs on this machine have in common: environments, GPUs and the runner's code."""

from ..backends.local.environments import mounts_for
from ..backends.local.machine import device_nodes
from ..backends.runner_files import runner_directory

__all__ = ["device_nodes", "mounts_for", "runner_directory"]
