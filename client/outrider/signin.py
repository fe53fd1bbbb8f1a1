"""Logging in: with a token that the user made, or on the machine itself as the user who started it.

Talks to the Hub's token API and writes through ``credentials``. A password is only read from the running
platform's own state file, is sent to that platform alone, and is not kept.
"""

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
    """Where a person makes a token."""
    return f"{url}/hub/token"


def with_token(url: str, token: str, token_id: str | None = None) -> Me:
    """Check the token with the service, then store it; the previous one is revoked where we made it."""
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
        raise Unreachable(f"{error.message} It was started here before; start it again: make run") from error
    except (Forbidden, Unauthorized) as error:
        raise Forbidden(
            f"{url} does not accept the password in {credentials.state_directory() / 'login.json'}; "
            "start the platform again (make run), or make a token and use: outrider login URL",
            403,
        ) from error
    finally:
        transport.close()
    if not isinstance(made, dict) or "token" not in made:
        raise OutriderError(f"{url} made no token; is it a JupyterHub?")
    login = Login(made["token"], user, made.get("id"))
    try:
        return url, with_token(url, login.token, login.token_id)
    except OutriderError:
        _revoke_alone(url, login)  # not stored, so nobody would ever use it
        raise


def _running_platform() -> dict[str, Any]:
    file = credentials.state_directory() / "login.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotLoggedIn(
            f"You have started no Outrider on this machine (there is no {file}). Start one with make run, as "
            "the same user and with the same OUTRIDER_HOME; or log in to one elsewhere: outrider login URL"
        ) from None
    except PermissionError:
        raise NotLoggedIn(
            f"The Outrider on this machine was started by another user ({file} is not yours to read). Ask "
            "for an account, make a token on its page, and use: outrider login URL"
        ) from None
    except (OSError, ValueError) as error:
        raise NotLoggedIn(f"{file} cannot be read: {error}. Start the platform again: make run") from error
    if not isinstance(data, dict):
        raise NotLoggedIn(f"{file} is damaged. Start the platform again: make run")
    return data


def log_out(url: str | None = None) -> str | None:
    """Forget a login, and revoke its token where we made it; the address, or None if there was none."""
    store = credentials.load()
    address = credentials.normal_url(url) if url else store.current
    login = store.logins.get(address) if address else None
    if address is None or login is None:
        return None
    # Forget first: whatever becomes of the revocation, this machine no longer holds the token.
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
    """Best effort: a Hub that is away, or a token that is gone already, must not spoil the rest."""
    try:
        transport.json("DELETE", f"{HUB}/users/{segment(login.user)}/tokens/{login.token_id}", safe=True)
    except OutriderError:
        pass
