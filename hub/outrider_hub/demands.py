"""JupyterHub's requirements for its secrets, checked before it sees them. Pure.

JupyterHub exits with a traceback for an invalid secret; in a cluster its pod would then restart forever. Here the error
names the secret and its requirements. ``helm/outrider/templates/_secret.tpl`` has the same rules for the chart.
"""

from __future__ import annotations

from collections.abc import Mapping

from .settings import SettingsError

PASSWORD_LENGTH = 32
"""Minimum length of the admin's password (``SharedPasswordAuthenticator``)."""
TOKEN_LENGTH = 8
"""Minimum length of an API token (``jupyterhub.orm.Hashed``)."""
COOKIE_BYTES = 32


def _form_problem(value: str, least: int) -> str | None:
    if len(value) < least:
        return f"has {len(value)} characters, and needs at least {least}"
    if not all("!" <= character <= "~" for character in value):
        # Usually a newline from a file. These characters cannot be typed, or are not allowed in a header.
        return "contains a space, a newline or a non-ASCII character"
    return None


def password_problem(password: str) -> str | None:
    """Why this is not usable as the admin's password, as the end of a sentence; None: it is usable."""
    return _form_problem(password, PASSWORD_LENGTH)


def check_tokens(tokens: Mapping[str, str]) -> None:
    """Check tokens, by the names of their settings; empty ones are left out. Raises SettingsError."""
    given = {name: token for name, token in tokens.items() if token}
    for name, token in given.items():
        if (problem := _form_problem(token, TOKEN_LENGTH)) is not None:
            raise SettingsError(f"{name} {problem}")
    owners: dict[str, str] = {}
    for name, token in given.items():
        if (other := owners.setdefault(token, name)) != name:
            raise SettingsError(f"{name} and {other} are the same; each program needs a token of its own")


def cookie_secret(name: str, digits: str) -> bytes:
    """The cookie key from hexadecimal digits. Raises SettingsError."""
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise SettingsError(f"{name} must be hexadecimal digits (openssl rand -hex {COOKIE_BYTES})") from None
    if len(key) < COOKIE_BYTES:
        raise SettingsError(f"{name} has {len(digits)} hexadecimal digits, and needs at least {2 * COOKIE_BYTES}")
    return key
