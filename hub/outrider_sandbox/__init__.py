"""One supervised, sandboxed process tree per directory.

Outrider's local platform runs jobs and notebooks with this package, which knows nothing of either. It starts a
command in a bubblewrap sandbox (or as a plain process tree where bubblewrap does not work), keeps its output and
records how it ended, whatever happens to the process that asked for it. It uses the standard library, bwrap and
slirp4netns, and touches the given directory and a cgroup only. See docs/contributing/sandbox.md."""

from .capabilities import Capabilities, usable
from .control import (
    State,
    StillRunning,
    connect_path,
    launch,
    read_spec,
    remove,
    request_stop,
    state,
    version,
)
from .descent import Descent, remove_tree, statuses
from .linux import short_path
from .spec import CLOSED_NETWORKS, MemoryLimit, Mount, Network, Spec, Web, check_networks, processes_for
from .uids import UIDS, UserIds, uid_range
from .web import from_environment as web_from_environment
from .web import to_environment as web_to_environment

__all__ = [
    "CLOSED_NETWORKS",
    "UIDS",
    "Capabilities",
    "Descent",
    "MemoryLimit",
    "Mount",
    "Network",
    "Spec",
    "State",
    "StillRunning",
    "UserIds",
    "Web",
    "check_networks",
    "connect_path",
    "launch",
    "processes_for",
    "read_spec",
    "remove",
    "remove_tree",
    "request_stop",
    "short_path",
    "state",
    "statuses",
    "uid_range",
    "usable",
    "version",
    "web_from_environment",
    "web_to_environment",
]
