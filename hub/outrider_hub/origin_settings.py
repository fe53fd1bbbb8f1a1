"""JupyterHub's settings for the origins of the Hub and of notebooks, the same on one machine and in a cluster."""

from __future__ import annotations

import json
from typing import Any

from .origins import Origins


def set_origins(c: Any, origins: Origins) -> None:
    """Addresses, cookies and headers. Cookies of the Hub's can be set by no other host where there is HTTPS."""
    c.JupyterHub.public_url = origins.hub + "/"
    headers = {"Cross-Origin-Opener-Policy": "same-origin"}
    settings: dict[str, Any] = {"headers": headers}
    if origins.separate:
        c.JupyterHub.subdomain_host = origins.hub
        c.JupyterHub.subdomain_hook = origins.of_user()
        settings["cookie_options"] = {"samesite": "Lax"}
        c.JupyterHub.cookie_host_prefix_enabled = origins.secure
    c.JupyterHub.tornado_settings = settings


def service_cookies(origins: Origins) -> dict[str, str]:
    """The same for the service's own cookies, as environment of its process: JupyterHub does not hand them on."""
    if not origins.separate:
        return {}
    return {
        "JUPYTERHUB_COOKIE_OPTIONS": json.dumps({"samesite": "Lax"}),
        "JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED": str(int(origins.secure)),
    }
