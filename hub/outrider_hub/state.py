"""The state directory and its secrets: generated once, kept forever, readable only by this user.

Files are created atomically, even if the machine crashes, and concurrent starts agree on one value. Writes only below
OUTRIDER_HOME.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .demands import check_tokens, cookie_secret
from .settings import Settings

ADMIN = "admin"
PASSWORD_BYTES = 24
"""32 characters, ``demands.PASSWORD_LENGTH``."""


@dataclass(frozen=True)
class Secrets:
    """The tokens, keys and passwords with which the parts authenticate to each other."""

    admin_password: str
    cookie: str
    proxy_token: str
    service_token: str
    spawner_token: str
    installation: str


def prepare(settings: Settings) -> Secrets:
    """Create what is missing in the state directory and return the secrets. Raises SettingsError naming one that
    JupyterHub would refuse: a file may have been edited by hand."""
    make_private(settings.home)
    for directory in (settings.home / "secrets", settings.home / "run", settings.notebooks, settings.logs):
        make_private(directory)
    settings.operator_config.mkdir(exist_ok=True)
    folder = settings.home / "secrets"
    found = Secrets(
        admin_password=_kept(folder / "admin_password", secrets.token_urlsafe(PASSWORD_BYTES)),
        cookie=_kept(folder / "cookie_secret", secrets.token_hex(32)),
        proxy_token=_kept(folder / "proxy_token", secrets.token_hex(32)),
        service_token=_kept(folder / "service_token", secrets.token_hex(32)),
        spawner_token=_kept(folder / "spawner_token", secrets.token_hex(32)),
        installation=_kept(folder / "installation", secrets.token_hex(8)),
    )
    cookie_secret(str(folder / "cookie_secret"), found.cookie)
    check_tokens(
        {
            str(folder / "proxy_token"): found.proxy_token,
            str(folder / "service_token"): found.service_token,
            str(folder / "spawner_token"): found.spawner_token,
        }
    )
    return found


def make_private(directory: Path) -> None:
    """Create the directory if needed, accessible only to this user."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Atomically replace a file with one that only this user may read."""
    temporary = _temporary(path, text)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def login_file(settings: Settings) -> Path:
    """The file from which ``outrider login`` signs in on this machine without asking."""
    return settings.home / "login.json"


def write_login(settings: Settings, password: str) -> None:
    body = {"url": settings.local_url, "username": ADMIN, "password": password}
    write_private(login_file(settings), json.dumps(body, indent=2) + "\n")


def remove_login(settings: Settings) -> None:
    login_file(settings).unlink(missing_ok=True)


def _kept(path: Path, fresh: str) -> str:
    """The value in the file, which is created with ``fresh`` if missing."""
    if not path.exists():
        temporary = _temporary(path, fresh + "\n")
        try:
            # Unlike a rename, a link fails if the file exists: the first one wins, and nobody reads a partial file.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    path.chmod(0o600)
    value = path.read_text().strip()
    if not value:
        raise RuntimeError(f"{path} is empty; delete it and a new one is generated")
    return value


def _temporary(path: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
