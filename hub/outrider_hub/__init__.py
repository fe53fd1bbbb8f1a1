"""The Hub's part of Outrider: JupyterHub's configuration, its spawners, and the launcher.

``jupyterhub_config.py`` calls only the two functions below. This package may write below OUTRIDER_HOME and talk to the
Hub and the service over HTTP; it knows nothing about how jobs run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

__all__ = ["configure", "include"]

# JupyterHub is imported only where it is configured, so that the launcher and the culler start without it.


def configure(c: Any) -> None:
    """Set everything that Outrider needs in JupyterHub's configuration ``c``, for the platform in OUTRIDER_PLATFORM:
    "kubernetes", or this machine if it is unset."""
    if os.environ.get("OUTRIDER_PLATFORM") == "kubernetes":
        from . import config_kubernetes

        config_kubernetes.configure(c)
    else:
        from . import config

        config.configure(c)


def include(c: Any) -> None:
    """Apply the operator's own files to ``c``; the last call in jupyterhub_config.py."""
    from . import config

    if os.environ.get("OUTRIDER_PLATFORM") == "kubernetes":
        config.run_files(c, Path(os.environ.get("OUTRIDER_CONFIG_DIR") or "/etc/outrider/jupyterhub_config.d"))
    else:
        config.include(c)
