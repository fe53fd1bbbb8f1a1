"""The Hub's half of Outrider: JupyterHub's configuration, its spawners and how everything starts.

``jupyterhub_config.py`` calls the two functions below and nothing else. This package may write below
OUTRIDER_HOME and talk to the Hub and the service over HTTP; it knows nothing of how a job runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["configure", "include"]

# JupyterHub is imported only where it is configured: the launcher and the culler start without it.


def configure(c: Any) -> None:
    """Sets everything that Outrider needs in JupyterHub's configuration ``c``, for the platform that OUTRIDER_PLATFORM
    names: this machine, or "kubernetes"."""
    if os.environ.get("OUTRIDER_PLATFORM") == "kubernetes":
        from . import config_kubernetes

        config_kubernetes.configure(c)
    else:
        from . import config

        config.configure(c)


def include(c: Any) -> None:
    """Runs the operator's own files over ``c``; the last thing in jupyterhub_config.py."""
    from . import config

    if os.environ.get("OUTRIDER_PLATFORM") == "kubernetes":
        config.run_files(c, Path(os.environ.get("OUTRIDER_CONFIG_DIR") or "/etc/outrider/jupyterhub_config.d"))
    else:
        config.include(c)
