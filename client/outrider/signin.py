"""Logs in with a token that the user created, or on the platform's own machine as the user who started it.

Uses the Hub's token API and ``credentials``. A password is read only from the running platform's state file, sent only
to that platform, and not stored."""

from __future__ import annotations

import json
import platform
from typing import Any

from . import credentials
from .credentials import Login
from .errors import Forbidden, NotLoggedIn, OutriderError, Unauthorized, Unreachable
from .models import Me, build
from .transport import HUB, SERVICE, Transport, segment


def token_page(url: str) -> str:
    """The address of the page for creating tokens."""
    return f"{url}/hub/token"


def with_token(url: str, token: str, token_id: str | None = None) -> Me:
    """Check the token with the service, then store it; the previous one is revoked if we created it."""
    transport = Transport(url, token)
    try:
        me = build(Me, transport.json("GET", SERVICE + "/me"))
        store = credentials.load()
        previous = store.logins.get(url)
        credentials.save(store.add(url, Login(token, me.name, token_id)))
        if previous and previous.token_id and previous.token_id != token_id:
            _revoke(transport, previous)
    finally:
        transport.close()
    return me


def on_this_machine() -> tuple[str, Me]:
    """Log in as the admin of the platform that this OS user runs on this machine."""
    found = _running_platform()
    url = credentials.normal_url(str(found.get("url", "")))
    user = str(found.get("username", ""))
    body = {
        "auth": {"username": user, "password": str(found.get("password", ""))},
        "note": f"outrider on {platform.node() or 'this machine'}",
    }
    transport = Transport(url, None)
    try:
        made = transport.json("POST", f"{HUB}/users/{segment(user)}/tokens", body=body)
    except Unreachable as error:
        raise Unreachable(f"{error.message} It was started here before. Start it again: make run") from error
    except (Forbidden, Unauthorized) as error:
        raise Forbidden(
            f"{url} does not accept the password in {credentials.state_directory() / 'login.json'}; "
            "restart the platform (make run), or create a token and use: outrider login URL",
            403,
        ) from error
    finally:
        transport.close()
    if not isinstance(made, dict) or "token" not in made:
        raise OutriderError(f"{url} created no token. Is it a JupyterHub?")
    login = Login(made["token"], user, made.get("id"))
    try:
        return url, with_token(url, login.token, login.token_id)
    except OutriderError:
        _revoke_alone(url, login)  # not stored, so it would never be used
        raise


def _running_platform() -> dict[str, Any]:
    file = credentials.state_directory() / "login.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotLoggedIn(
            f"You have not started Outrider on this machine (there is no {file}). Start it with make run, as "
            "the same user and with the same OUTRIDER_HOME; or log in to one elsewhere: outrider login URL"
        ) from None
    except PermissionError:
        raise NotLoggedIn(
            f"The Outrider on this machine was started by another user ({file} is not yours to read). Ask "
            "for an account, create a token on its page, and use: outrider login URL"
        ) from None
    except (OSError, ValueError) as error:
        raise NotLoggedIn(f"{file} cannot be read: {error}. Restart the platform: make run") from error
    if not isinstance(data, dict):
        raise NotLoggedIn(f"{file} is damaged. Restart the platform: make run")
    return data


def log_out(url: str | None = None) -> str | None:
    """Delete a login and revoke its token if we created it. Returns the address, or None if there was no login."""
    store = credentials.load()
    address = credentials.normal_url(url) if url else store.current
    login = store.logins.get(address) if address else None
    if address is None or login is None:
        return None
    # Delete first, so that the token is gone from this machine even if the revocation fails.
    credentials.save(store.remove(address))
    if login.token_id:
        _revoke_alone(address, login)
    return address


def _revoke_alone(url: str, login: Login) -> None:
    transport = Transport(url, login.token)
    try:
        _revoke(transport, login)
    finally:
        transport.close()


def _revoke(transport: Transport, login: Login) -> None:
    """Best effort: an unavailable Hub or a missing token is not an error."""
    try:
        transport.json("DELETE", f"{HUB}/users/{segment(login.user)}/tokens/{login.token_id}", safe=True)
    except OutriderError:
        pass
