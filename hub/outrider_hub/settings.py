"""The installation's settings from the environment: its state directory, ports and addresses.

Read once, at the edge; everything else takes a Settings. Pure.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from outrider_sandbox import CLOSED_NETWORKS, UIDS, Web, check_networks, uid_range, web_from_environment

from .origins import Origins, OriginsError, choose

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout; meaningless if the package was installed from a wheel."""


def shipped(path: str) -> Path:
    """A file or directory of the repository: in the checkout, or in this package if installed from a wheel."""
    packaged = Path(__file__).with_name("data") / Path(path).name
    return packaged if packaged.exists() else REPOSITORY / path


def _proxy_command() -> Path:
    """The proxy of the checkout's Node packages, or the one on the PATH."""
    ours = REPOSITORY / "node_modules" / ".bin" / "configurable-http-proxy"
    return ours if ours.exists() else Path(shutil.which("configurable-http-proxy") or ours)


CATALOG = shipped("images/catalog.yaml")
PROXY_COMMAND = _proxy_command()
DEFAULT_PORT = 8000
LAST_FIRST_PORT = 65535 - 4
CULL_TIMEOUT_S = 43200
CULL_EVERY_S = 600
MOST_NOTEBOOKS = 10
"""How many named notebooks one user may have in addition to the default one."""


class SettingsError(ValueError):
    """An invalid setting; the message names it and says what is allowed."""


@dataclass(frozen=True)
class Settings:
    """One installation on one machine. All ports are on the loopback address, in sequence."""

    home: Path
    port: int = DEFAULT_PORT
    catalog: Path = CATALOG
    proxy_command: Path = PROXY_COMMAND
    lab_extension: Path = REPOSITORY / "extensions" / "jupyterlab"
    """Mounted into every notebook server; skipped if missing."""
    given_public_url: str | None = None
    given_origins: Origins | None = None
    """Of the Hub and of notebooks; None: as the public address has them by default."""
    cull_timeout_s: int = CULL_TIMEOUT_S
    cull_every_s: int = CULL_EVERY_S
    most_notebooks: int = MOST_NOTEBOOKS
    closed_networks: tuple[str, ...] = CLOSED_NETWORKS
    """What notebooks and jobs cannot reach, as IPv4 networks."""
    uids: str = UIDS
    """Where Outrider is run by root: the uids that users get; ``none``: they have none of their own."""
    web: Web = field(default_factory=Web)
    """Where they have web access only: what else they may reach, and the proxy out of this network."""

    @property
    def ports(self) -> dict[str, int]:
        """Every port that must be free, by what listens there."""
        return {
            "the proxy": self.port,
            "the proxy's control": self.port + 1,
            "the hub": self.port + 2,
            "the service": self.port + 3,
            "the service's apps": self.port + 4,
        }

    @property
    def proxy_api_port(self) -> int:
        return self.port + 1

    @property
    def hub_port(self) -> int:
        return self.port + 2

    @property
    def service_port(self) -> int:
        return self.port + 3

    @property
    def apps_port(self) -> int:
        return self.port + 4

    @property
    def local_url(self) -> str:
        """The address for programs on this machine, regardless of the public one."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def public_url(self) -> str:
        """The address for browsers."""
        return self.origins.hub

    @property
    def origins(self) -> Origins:
        return self.given_origins or choose(self.given_public_url or self.local_url, "", False)

    @property
    def service_url(self) -> str:
        """The service's own address, bypassing the proxy."""
        return f"http://127.0.0.1:{self.service_port}/services/outrider/api/v1"

    @property
    def notebooks(self) -> Path:
        """Sandbox directories of the notebook servers."""
        return self.home / "run" / "notebooks"

    @property
    def logs(self) -> Path:
        return self.home / "log"

    @property
    def operator_config(self) -> Path:
        """The directory of the operator's own JupyterHub configuration files."""
        return self.home / "jupyterhub_config.d"


def default_home(environ: Mapping[str, str]) -> Path:
    """OUTRIDER_HOME, or the XDG state directory."""
    if given := environ.get("OUTRIDER_HOME"):
        return Path(given).expanduser().absolute()
    state = environ.get("XDG_STATE_HOME", "")
    # XDG: relative paths are to be ignored.
    base = Path(state) if state.startswith("/") else Path.home() / ".local" / "state"
    return base / "outrider"


def from_environment(environ: Mapping[str, str]) -> Settings:
    """The settings from the environment. Raises SettingsError naming an invalid one."""
    catalog = environ.get("OUTRIDER_CATALOG")
    proxy = environ.get("OUTRIDER_PROXY_COMMAND")
    url = environ.get("OUTRIDER_PUBLIC_URL")
    if url and not url.startswith(("http://", "https://")):
        raise SettingsError(f"OUTRIDER_PUBLIC_URL must begin with http:// or https://, not {url!r}")
    if url and urlsplit(url).path not in ("", "/"):
        raise SettingsError(f"OUTRIDER_PUBLIC_URL must be a host without a path, not {url!r}")
    port = _number(environ, "OUTRIDER_PORT", DEFAULT_PORT, 1024, LAST_FIRST_PORT)
    return Settings(
        home=default_home(environ),
        port=port,
        catalog=Path(catalog).absolute() if catalog else Settings.catalog,
        proxy_command=Path(proxy).absolute() if proxy else Settings.proxy_command,
        given_public_url=url.rstrip("/") if url else None,
        given_origins=chosen_origins(environ, url or f"http://127.0.0.1:{port}"),
        cull_timeout_s=_number(environ, "OUTRIDER_CULL_TIMEOUT", CULL_TIMEOUT_S, 0, 10**9),
        cull_every_s=_number(environ, "OUTRIDER_CULL_EVERY", CULL_EVERY_S, 1, 10**6),
        most_notebooks=_number(environ, "OUTRIDER_NOTEBOOKS_PER_USER", MOST_NOTEBOOKS, 0, 1000),
        closed_networks=_networks(environ, "OUTRIDER_CLOSED_NETWORKS"),
        uids=_uids(environ, "OUTRIDER_UIDS"),
        web=web_from_environment(environ),
    )


def chosen_origins(environ: Mapping[str, str], public_url: str) -> Origins:
    """What OUTRIDER_NOTEBOOKS_DOMAIN and OUTRIDER_SAME_ORIGIN make of the public address. Raises SettingsError."""
    accepted = environ.get("OUTRIDER_SAME_ORIGIN") or ""
    if accepted not in ("", "accept"):
        raise SettingsError(f"OUTRIDER_SAME_ORIGIN must be accept or unset, not {accepted!r}")
    try:
        return choose(public_url, environ.get("OUTRIDER_NOTEBOOKS_DOMAIN") or "", bool(accepted))
    except OriginsError as error:
        raise SettingsError(str(error)) from error


def _networks(environ: Mapping[str, str], name: str) -> tuple[str, ...]:
    if name not in environ:
        return CLOSED_NETWORKS
    found = tuple(environ[name].split())
    try:
        check_networks(found)
    except ValueError as error:
        raise SettingsError(f"{name} must be IPv4 networks such as 10.0.0.0/8, with spaces between: {error}") from error
    return found


def _uids(environ: Mapping[str, str], name: str) -> str:
    text = environ.get(name) or UIDS
    try:
        uid_range(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from error
    return text


def _number(environ: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise SettingsError(f"{name} must be a whole number from {least} to {most}, not {text!r}")
    return int(text)
