"""Chooses the platform and the token; stores logins.

Reads the environment and one file, ``$XDG_CONFIG_HOME/outrider/credentials.json`` (0600 in a 0700 directory). A token
is only ever used with the address that it was given for."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import NotLoggedIn, OutriderError

NO_LOGIN = (
    "Not logged in. On the machine where `make run` runs: outrider login. Elsewhere: outrider login URL, "
    "with the Hub's address; or set OUTRIDER_URL and OUTRIDER_TOKEN."
)


@dataclass(frozen=True)
class Credentials:
    """An address with its token, and where the two came from."""

    url: str
    token: str
    source: str


@dataclass(frozen=True)
class Login:
    """A stored login. ``token_id`` is set if Outrider created the token, and so may revoke it."""

    token: str
    user: str
    token_id: str | None = None


def normal_url(text: str) -> str:
    """The Hub's address from what users paste: with or without scheme, any page of the Hub or of a notebook."""
    text = text.strip()
    if "://" not in text:
        text = "http://" + text if _looks_local(text) else "https://" + text
    parts = urlsplit(text)
    try:
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError:
        usable = False
    if not usable:
        raise NotLoggedIn(f"{text!r} is not the address of a Hub, such as https://hub.example.org")
    if parts.username or parts.password:
        raise NotLoggedIn("The address must not contain a user name or password; you are asked for a token instead.")
    path = "/" + parts.path.strip("/")
    for page in ("/hub", "/services", "/user"):
        index = (path + "/").find(page + "/")
        if index >= 0:
            path = path[:index]
    host = parts.netloc.lower()
    if (parts.hostname or "").endswith(".localhost"):
        # Of a notebook on this machine; the Hub is at localhost itself.
        host = "localhost" + (f":{parts.port}" if parts.port else "")
    return f"{parts.scheme}://{host}{path.rstrip('/')}"


def _looks_local(text: str) -> bool:
    host = text.split("/")[0].split(":")[0]
    return host == "localhost" or host.endswith(".localhost") or host.startswith("127.")


def resolve(url: str | None = None, token: str | None = None, environ: Mapping[str, str] | None = None) -> Credentials:
    """The first of: the arguments, OUTRIDER_URL and OUTRIDER_TOKEN, the notebook's own, the stored login."""
    env = os.environ if environ is None else environ
    store = load(env)
    notebook_url = _notebook_url(env)
    chosen_url = url or env.get("OUTRIDER_URL") or None
    chosen_token = token or env.get("OUTRIDER_TOKEN") or None
    address = normal_url(chosen_url) if chosen_url else None
    if chosen_token:
        address = address or notebook_url or store.current
        if address is None:
            raise NotLoggedIn("There is a token but no address: set OUTRIDER_URL to the Hub's address.")
        return Credentials(address, chosen_token, "given" if token else "OUTRIDER_TOKEN")
    own_token = env.get("JUPYTERHUB_API_TOKEN")
    if own_token and notebook_url and address in (None, notebook_url):
        return Credentials(notebook_url, own_token, "the notebook")
    address = address or store.current
    if address is None:
        raise NotLoggedIn(NO_LOGIN)
    login = store.logins.get(address)
    if login is None:
        raise NotLoggedIn(f"Not logged in at {address}. Log in: outrider login {address}")
    return Credentials(address, login.token, str(credentials_file(env)))


def _notebook_url(env: Mapping[str, str]) -> str | None:
    """The platform's address in a notebook server: given explicitly, or derived from the Hub API's."""
    if not env.get("JUPYTERHUB_API_TOKEN"):
        return None
    told = env.get("OUTRIDER_URL") or env.get("JUPYTERHUB_API_URL")
    return normal_url(told) if told else None


@dataclass(frozen=True)
class Store:
    """The stored logins by address; ``current`` is the one used when no address is named."""

    current: str | None
    logins: dict[str, Login]

    def add(self, url: str, login: Login) -> Store:
        return Store(url, {**self.logins, url: login})

    def remove(self, url: str) -> Store:
        left = {key: value for key, value in self.logins.items() if key != url}
        current = self.current if self.current in left else next(iter(left), None)
        return Store(current, left)


def credentials_file(env: Mapping[str, str] | None = None) -> Path:
    return _xdg(os.environ if env is None else env, "XDG_CONFIG_HOME", ".config") / "credentials.json"


def state_directory(env: Mapping[str, str] | None = None) -> Path:
    """The state directory of a platform started on this machine."""
    environ = os.environ if env is None else env
    told = environ.get("OUTRIDER_HOME")
    return Path(told).expanduser() if told else _xdg(environ, "XDG_STATE_HOME", ".local/state")


def _xdg(env: Mapping[str, str], variable: str, fallback: str) -> Path:
    told = env.get(variable, "")
    # XDG: relative paths are to be ignored.
    return (Path(told) if told.startswith("/") else Path.home() / fallback) / "outrider"


def load(env: Mapping[str, str] | None = None) -> Store:
    """The stored logins; empty if there is no file."""
    file = credentials_file(env)
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        logins = {url: Login(**entry) for url, entry in data["logins"].items()}
        return Store(data.get("current"), logins)
    except FileNotFoundError:
        return Store(None, {})
    except OSError as error:
        raise NotLoggedIn(f"The stored login cannot be read: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise NotLoggedIn(f"{file} is damaged; remove it and log in again: outrider login") from error


def save(store: Store, env: Mapping[str, str] | None = None) -> Path:
    """Write the logins atomically, readable only by this user."""
    file = credentials_file(env)
    data: dict[str, Any] = {
        "current": store.current,
        "logins": {url: asdict(login) for url, login in store.logins.items()},
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.parent.chmod(0o700)
        descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".credentials-")  # made 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as out:
                json.dump(data, out, indent=1)
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OutriderError(f"The login cannot be stored: {error}") from error
    return file
