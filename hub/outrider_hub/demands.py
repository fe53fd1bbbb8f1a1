"""What JupyterHub demands of the secrets that it is given, checked before it sees them. Pure.

JupyterHub refuses a secret by ending with a traceback, which in a cluster is a pod that restarts for ever. Here each is
refused by its name, with what it has to be. ``helm/outrider/templates/_secret.tpl`` has the same rules for the chart.
"""

from __future__ import annotations

from collections.abc import Mapping

from .settings import SettingsError

PASSWORD_LENGTH = 32
"""Characters of an admin's password: ``SharedPasswordAuthenticator`` takes no fewer."""
TOKEN_LENGTH = 8
"""Characters of an API token: ``jupyterhub.orm.Hashed`` takes no fewer."""
COOKIE_BYTES = 32


def _form_problem(value: str, least: int) -> str | None:
    if len(value) < least:
        return f"has {len(value)} characters, and needs at least {least}"
    if not all("!" <= character <= "~" for character in value):
        # A line's end that came along from a file is the usual one. None of these can be typed, or stand in a header.
        return "has a space, a line's end or a character that is not ASCII"
    return None


def password_problem(password: str) -> str | None:
    """Why nobody could log in with this as the admin's password, as the end of a sentence; None: it is good."""
    return _form_problem(password, PASSWORD_LENGTH)


def check_tokens(tokens: Mapping[str, str]) -> None:
    """Tokens by the names under which they were given; empty ones are none. Raises SettingsError."""
    given = {name: token for name, token in tokens.items() if token}
    for name, token in given.items():
        if (problem := _form_problem(token, TOKEN_LENGTH)) is not None:
            raise SettingsError(f"{name} {problem}")
    owners: dict[str, str] = {}
    for name, token in given.items():
        if (other := owners.setdefault(token, name)) != name:
            raise SettingsError(f"{name} and {other} are the same; each program needs a token of its own")


def cookie_secret(name: str, digits: str) -> bytes:
    """The key of cookies from hexadecimal digits. Raises SettingsError."""
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise SettingsError(f"{name} must be hexadecimal digits (openssl rand -hex {COOKIE_BYTES})") from None
    if len(key) < COOKIE_BYTES:
        raise SettingsError(f"{name} has {len(digits)} hexadecimal digits, and needs at least {2 * COOKIE_BYTES}")
    return key
