"""JupyterHub's configuration for one machine, and the operator's own files on top of it.

Runs inside the Hub's process while it reads jupyterhub_config.py. May make the state directory.
"""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from outrider_sandbox import web_to_environment

from . import culler, scopes, state
from .authenticator import AdminOnlyAuthenticator, set_admin
from .jupyterhub_patches import ROUTES_CHECK_S, adjust
from .origin_settings import service_cookies, set_origins
from .pages import configure_pages
from .settings import Settings, from_environment
from .spawner.local import LocalSpawner


def configure(c: Any, settings: Settings | None = None) -> None:
    """Sets everything that Outrider needs; what an operator sets afterwards wins."""
    settings = settings or from_environment(os.environ)
    secrets = state.prepare(settings)
    adjust(settings.origins)
    _addresses(c, settings, secrets)
    _people(c, secrets)
    _programs(c, settings, secrets)
    _notebooks(c, settings, secrets)


def include(c: Any, settings: Settings | None = None) -> None:
    """Runs the operator's files (``jupyterhub_config.d/*.py``, in the order of their names) over ``c``."""
    settings = settings or from_environment(os.environ)
    run_files(c, settings.operator_config)
    # With another authenticator the generated password opens nothing, and must not be offered.
    if c.JupyterHub.authenticator_class is AdminOnlyAuthenticator:
        state.write_login(settings, state.prepare(settings).admin_password)
    else:
        state.remove_login(settings)


def run_files(c: Any, folder: Path) -> None:
    """The operator's files, in the order of their names."""
    for path in sorted(folder.glob("*.py")):
        runpy.run_path(str(path), init_globals={"c": c, "get_config": lambda: c})


def _addresses(c: Any, settings: Settings, secrets: state.Secrets) -> None:
    c.JupyterHub.bind_url = settings.local_url
    c.JupyterHub.hub_ip = "127.0.0.1"
    c.JupyterHub.hub_port = settings.hub_port
    set_origins(c, settings.origins)
    if settings.origins.separate:
        # Programs on this machine, in sandboxes too, call the service by this address; routes with hosts know no other.
        c.Proxy.extra_routes = {f"127.0.0.1/services/{scopes.SERVICE}/": f"http://127.0.0.1:{settings.service_port}"}
    c.JupyterHub.db_url = f"sqlite:///{settings.home / 'jupyterhub.sqlite'}"
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.cookie_secret = bytes.fromhex(secrets.cookie)
    c.ConfigurableHTTPProxy.command = [str(settings.proxy_command)]
    c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{settings.proxy_api_port}"
    c.ConfigurableHTTPProxy.auth_token = secrets.proxy_token
    c.ConfigurableHTTPProxy.pid_file = str(settings.home / "run" / "proxy.pid")
    c.ConfigurableHTTPProxy.log_level = "warn"


def _people(c: Any, secrets: state.Secrets) -> None:
    c.JupyterHub.authenticator_class = AdminOnlyAuthenticator
    # On this class alone: another authenticator must not make an admin of whoever is called so.
    set_admin(c, state.ADMIN, secrets.admin_password, "secrets/admin_password in the state directory")
    c.JupyterHub.custom_scopes = scopes.custom_scopes()
    c.JupyterHub.extra_user_scopes = scopes.user_scopes()
    c.JupyterHub.load_roles = scopes.roles()


def _programs(c: Any, settings: Settings, secrets: state.Secrets) -> None:
    service = {
        "name": scopes.SERVICE,
        "url": f"http://127.0.0.1:{settings.service_port}",
        "api_token": secrets.service_token,
        "command": [sys.executable, "-m", "outrider_service", "--exit-with-parent"],
        "environment": service_environment(settings, os.environ),
        "oauth_client_allowed_scopes": scopes.browser_scopes(),
        "oauth_no_confirm": True,
        "display": True,
    }
    spawner = {"name": scopes.SPAWNER, "api_token": secrets.spawner_token, "display": False}
    cull = culler.managed_service(
        os.getpid(), settings.cull_timeout_s, settings.cull_every_s, settings.service_url, secrets.spawner_token
    )
    c.JupyterHub.services = [service, spawner, cull]


def service_environment(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Outrider's own variables as the operator set them, and what the Hub decides."""
    passed = {name: value for name, value in environ.items() if name.startswith("OUTRIDER_")}
    return {
        **passed,
        "OUTRIDER_HOME": str(settings.home),
        "OUTRIDER_PUBLIC_URL": settings.public_url,
        "OUTRIDER_LOCAL_URL": settings.local_url,
        "OUTRIDER_APPS_PORT": str(settings.apps_port),
        "OUTRIDER_CATALOG": str(settings.catalog),
        "OUTRIDER_CLOSED_NETWORKS": " ".join(settings.closed_networks),
        "OUTRIDER_UIDS": settings.uids,
        # The Hub hands on no others, and the usual names would lead the service's own requests astray.
        **web_to_environment(settings.web),
        "OUTRIDER_CULL_TIMEOUT": str(settings.cull_timeout_s),
        "PYTHONUNBUFFERED": "1",
        **service_cookies(settings.origins),
    }


def _notebooks(c: Any, settings: Settings, secrets: state.Secrets) -> None:
    c.JupyterHub.spawner_class = LocalSpawner
    configure_pages(c, settings.most_notebooks)
    # Notebooks and jobs run on while the Hub is stopped or restarted.
    c.JupyterHub.cleanup_servers = False
    # Of this look at the proxy ``adjust`` leaves the check of its routes and nothing else.
    c.JupyterHub.last_activity_interval = ROUTES_CHECK_S
    c.Spawner.default_url = "/lab"
    c.Spawner.start_timeout = 180
    c.Spawner.http_timeout = 60
    c.Spawner.poll_interval = 10
    c.OutriderSpawnerMixin.service_url = settings.service_url
    c.OutriderSpawnerMixin.service_token = secrets.spawner_token
    c.LocalSpawner.home = str(settings.home)
    c.LocalSpawner.closed_networks = list(settings.closed_networks)
    c.LocalSpawner.uids = settings.uids
    c.LocalSpawner.web = settings.web
    c.LocalSpawner.lab_extension = str(settings.lab_extension)
    c.LocalSpawner.hub_address = f"127.0.0.1:{settings.port}"
