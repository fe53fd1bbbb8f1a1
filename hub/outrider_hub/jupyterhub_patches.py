"""Patches of JupyterHub's behaviour that has no setting; each replaces one name.

Modifies JupyterHub's modules in the Hub's own process. The tests with a real Hub verify them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from jupyterhub import handlers, roles
from jupyterhub.app import JupyterHub
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LogoutHandler
from jupyterhub.services import service
from traitlets import Integer

from .guard import install
from .origins import Origins
from .pages import logout, own_pages
from .scopes import admin_scopes, user_scopes

SERVICE_POLL_S = 2
ROUTES_CHECK_S = 3
"""How often the proxy's routes are checked. A restarted proxy has none."""
ROUTES_PATIENCE_S = 20


class PromptServiceSpawner(service._ServiceSpawner):
    """Runs a managed service, and checks every two seconds that it is running."""

    poll_interval = Integer(SERVICE_POLL_S)


INIT_APPLICATION = JupyterHub.init_tornado_application


def adjust(origins: Origins | None = None) -> None:
    """Apply the patches. Idempotent. ``origins``: None if another configuration decides them."""
    _add_to_default_roles()
    _notice_dead_services_soon()
    _show_own_pages()
    _check_routes_without_activity()
    _log_out_by_post()
    if origins is not None:
        _stay_on_own_origin(origins)


def _add_to_default_roles() -> None:
    """Add Outrider's scopes to the admin role, and to the user role in JupyterHub 5, which has no setting for that.

    JupyterHub does not allow redefining the admin role, and a second role would have to list the admins by name, while
    authenticators and the admin page can add admins at any time.
    """
    original = roles.get_default_roles
    if getattr(original, "with_outrider", False):
        return

    def get_default_roles() -> list[dict[str, Any]]:
        defaults: list[dict[str, Any]] = original()
        for role in defaults:
            if role["name"] == "admin":
                role["scopes"] = [*role["scopes"], *admin_scopes()]
            if role["name"] == "user" and not hasattr(JupyterHub, "extra_user_scopes"):
                role["scopes"] = [*role["scopes"], *user_scopes()]
        return defaults

    get_default_roles.with_outrider = True  # type: ignore[attr-defined]
    roles.get_default_roles = get_default_roles


def _notice_dead_services_soon() -> None:
    """Restart a dead managed service within two seconds instead of thirty."""
    service._ServiceSpawner = PromptServiceSpawner


def _show_own_pages() -> None:
    """Replace the spawn page and the home page. Configured handlers come after JupyterHub's own, and the first match
    answers, so ours must be put in front."""
    if handlers.default_handlers[0][1] is not own_pages()[0][1]:
        handlers.default_handlers[:0] = own_pages()


def _check_routes_without_activity() -> None:
    """JupyterHub's periodic check of the proxy restores missing routes, and also counts every proxied request as
    activity of a notebook. An open page makes requests all the time, so keep the first half and drop the second:
    notebook servers report their activity themselves."""
    JupyterHub.update_last_activity = _check_routes


async def _check_routes(hub: JupyterHub) -> None:
    try:
        # A connection to a proxy on a dead machine would take much longer to fail.
        async with asyncio.timeout(ROUTES_PATIENCE_S):
            await hub.proxy.check_routes(hub.users, hub._service_map)
    except Exception as error:
        # The proxy is away. The next check is soon, and restores its routes when it is back.
        hub.log.warning("The proxy's routes could not be checked: %r", error)


def _log_out_by_post() -> None:
    """Any page could send its visitors to the logout address. Authenticators subclass the handler, so the handler
    itself is patched."""
    LogoutHandler.get = logout.get
    LogoutHandler.post = logout.post


def _stay_on_own_origin(origins: Origins) -> None:
    """The guard stands before the Hub's handlers, and the session's cookie is for the Hub's host alone: by JupyterHub's
    rule for subdomains it would be for all below it, and browsers refuse one for all of ``localhost``. Without it a
    logout would leave the notebooks' logins valid."""

    def init_tornado_application(hub: JupyterHub) -> None:
        INIT_APPLICATION(hub)
        install(hub.tornado_application, origins, _login_patterns(hub))

    JupyterHub.init_tornado_application = init_tornado_application
    if origins.separate:
        BaseHandler.domain = ""


def _login_patterns(hub: JupyterHub) -> list[str]:
    """Where the authenticator takes answers of an identity provider, which may be forms that its page posts."""
    own = ("/login", "/logout")
    return [hub.hub_prefix.rstrip("/") + path for path, *_ in hub.authenticator.get_handlers(hub) if path not in own]
