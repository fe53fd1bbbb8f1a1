"""The state directory and the secrets in it: made once, kept for ever, readable by this user alone.

Every file appears whole or not at all, also when the machine stops in the middle, and two starts at once
agree on one value. May touch OUTRIDER_HOME only.
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
    """What the pieces prove themselves with."""

    admin_password: str
    cookie: str
    proxy_token: str
    service_token: str
    spawner_token: str
    installation: str


def prepare(settings: Settings) -> Secrets:
    """Makes what is missing in the state directory and returns the secrets. SettingsError names one that JupyterHub
    would refuse: a file may have been written by hand."""
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
    """The directory exists and nobody else may look into it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.chmod(0o700)


def write_private(path: Path, text: str) -> None:
    """Replaces a file by one that only this user may read, atomically."""
    temporary = _temporary(path, text)
    try:
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def login_file(settings: Settings) -> Path:
    """What ``outrider login`` reads to sign in on this machine without a question."""
    return settings.home / "login.json"


def write_login(settings: Settings, password: str) -> None:
    body = {"url": settings.local_url, "username": ADMIN, "password": password}
    write_private(login_file(settings), json.dumps(body, indent=2) + "\n")


def remove_login(settings: Settings) -> None:
    login_file(settings).unlink(missing_ok=True)


def _kept(path: Path, fresh: str) -> str:
    """The value in the file; ``fresh`` becomes it where there is none."""
    if not path.exists():
        temporary = _temporary(path, fresh + "\n")
        try:
            # A link fails where a rename would replace: whoever is first decides, and nobody reads half.
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
    path.chmod(0o600)
    value = path.read_text().strip()
    if not value:
        raise RuntimeError(f"{path} is empty; delete it to have a new one made")
    return value


def _temporary(path: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
