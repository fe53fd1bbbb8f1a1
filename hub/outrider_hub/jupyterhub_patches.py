"""What JupyterHub does and has no setting for; each is replaced by one name.

May touch JupyterHub's modules in the Hub's own process. The tests of the real Hub hold them.
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
"""How often the proxy's routes are compared with what the Hub knows. A proxy that was restarted has none."""
ROUTES_PATIENCE_S = 20


class PromptServiceSpawner(service._ServiceSpawner):
    """What runs a managed service, looking every two seconds whether it still does."""

    poll_interval = Integer(SERVICE_POLL_S)


INIT_APPLICATION = JupyterHub.init_tornado_application


def adjust(origins: Origins | None = None) -> None:
    """Applies them; doing it again changes nothing. ``origins``: None where another configuration decides them."""
    _add_to_default_roles()
    _notice_dead_services_soon()
    _show_own_pages()
    _check_routes_without_activity()
    _log_out_by_post()
    if origins is not None:
        _stay_on_own_origin(origins)


def _add_to_default_roles() -> None:
    """The admin role gains Outrider's scopes, and so does the user role where JupyterHub has no setting for it (5).

    JupyterHub lets nobody redefine the admin role, and a second role would have to list the admins by name,
    while authenticators and the admin page make admins at any time.
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
    """A managed service that died is started again within two seconds, not thirty."""
    service._ServiceSpawner = PromptServiceSpawner


def _show_own_pages() -> None:
    """The page that starts a server and the list of servers are ours. Handlers that are configured come last, and the
    first that knows an address answers."""
    if handlers.default_handlers[0][1] is not own_pages()[0][1]:
        handlers.default_handlers[:0] = own_pages()


def _check_routes_without_activity() -> None:
    """JupyterHub's periodic look at the proxy restores routes that are missing, and also takes each request that passed
    through the proxy for use of a notebook. A page that is only open makes requests all the time, so the first half is
    kept and the second is left out: notebook servers say themselves when they were used last."""
    JupyterHub.update_last_activity = _check_routes


async def _check_routes(hub: JupyterHub) -> None:
    try:
        # A connection to a proxy whose machine is gone would be waited for much longer.
        async with asyncio.timeout(ROUTES_PATIENCE_S):
            await hub.proxy.check_routes(hub.users, hub._service_map)
    except Exception as error:
        # The proxy is away. The next look is soon, and one that is back has its routes then.
        hub.log.warning("The proxy's routes could not be checked: %r", error)


def _log_out_by_post() -> None:
    """A page anywhere could send its visitors to the address that logs out. Authenticators derive from the handler, so
    it is the handler that changes."""
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
