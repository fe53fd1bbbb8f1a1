"""The one login that a fresh installation has: the admin, with the generated password.

An operator replaces it by any JupyterHub authenticator. Touches nothing.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator
from tornado.web import HTTPError
from traitlets import Unicode

from .demands import password_problem


class AdminOnlyAuthenticator(SharedPasswordAuthenticator):
    """JupyterHub's shared password, for the admin and nobody else."""

    unusable = Unicode(
        help="Why the password that was given cannot be one, told to whoever tries to log in; empty: it can."
    ).tag(config=True)

    def check_allow_config(self) -> None:
        """Called by JupyterHub once, when it starts."""
        super().check_allow_config()
        if self.unusable:
            self.log.error("Nobody can log in: %s", self.unusable)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        if self.unusable:
            raise HTTPError(503, "Nobody can log in: %s", self.unusable, reason="No login")
        # The comparison in constant time that the base class uses raises for other characters.
        if not data.get("password", "").isascii():
            return None
        return await super().authenticate(handler, data)


def set_admin(c: Any, name: str, password: str, source: str) -> None:
    """Configures the admin's login. A password that JupyterHub would not start with closes this login and leaves the
    Hub to its notebooks; ``source`` says where the password is from."""
    c.AdminOnlyAuthenticator.admin_users = {name}
    c.AdminOnlyAuthenticator.allowed_users = {name}
    if (problem := password_problem(password)) is None:
        c.AdminOnlyAuthenticator.admin_password = password
    else:
        c.AdminOnlyAuthenticator.unusable = f"{source} {problem}."
