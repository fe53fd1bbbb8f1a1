"""The only login of a new installation: the admin, with the generated password.

Operators replace it with any JupyterHub authenticator. No side effects.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from tornado.web import HTTPError
from traitlets import Unicode

from .demands import password_problem


class AdminOnlyAuthenticator(SharedPasswordAuthenticator):
    """JupyterHub's shared-password authenticator, for the admin only."""

    unusable = Unicode(help="Why the configured password is unusable, shown at login; empty: it is usable.").tag(
        config=True
    )

    def check_allow_config(self) -> None:
        """Called by JupyterHub once, at its start."""
        super().check_allow_config()
        if self.unusable:
            self.log.error("Nobody can log in: %s", self.unusable)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        if self.unusable:
            raise HTTPError(503, "Nobody can log in: %s", self.unusable, reason="No login")
        # The base class compares in constant time, which raises for non-ASCII characters.
        if not data.get("password", "").isascii():
            return None
        return await super().authenticate(handler, data)


def set_admin(c: Any, name: str, password: str, source: str) -> None:
    """Configure the admin's login. With a password that JupyterHub would refuse, the Hub starts without this login, so
    that notebooks keep running; ``source`` says where the password comes from."""
    c.AdminOnlyAuthenticator.admin_users = {name}
    c.AdminOnlyAuthenticator.allowed_users = {name}
    if (problem := password_problem(password)) is None:
        c.AdminOnlyAuthenticator.admin_password = password
    else:
        c.AdminOnlyAuthenticator.unusable = f"{source} {problem}."
