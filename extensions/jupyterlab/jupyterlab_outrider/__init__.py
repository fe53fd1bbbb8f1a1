"""Outrider in JupyterLab: a Jupyter Server extension that calls the service for the page, and the Lab plugin.

The page never holds a token: it calls its own server below ``/outrider/``, which calls the Outrider service with the
token that JupyterHub gave this notebook server. Depends only on jupyter_server, so that it can be mounted into any
image.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .extension import OutriderExtension

    return [{"module": "jupyterlab_outrider", "app": OutriderExtension}]
