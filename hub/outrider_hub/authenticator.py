"""The one login that a fresh installation has: the admin, with the generated password.

An operator replaces it by any JupyterHub authenticator. Touches nothing.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.authenticators.shared import SharedPasswordAuthenticator


class AdminOnlyAuthenticator(SharedPasswordAuthenticator):
    """JupyterHub's shared password, for the admin and nobody else."""

    async def authenticate(self, handler: Any, data: dict[str, str]) -> Any:
        # The comparison in constant time that the base class uses raises for other characters.
        if not data.get("password", "").isascii():
            return None
        return await super().authenticate(handler, data)
