"""Which origin the Hub has and which the notebooks have. Pure; ``guard`` and the configurations enforce it.

A notebook server serves whatever its owner likes. On the Hub's own origin a page of hers would act as anybody who looks
at it, so each user's servers have a host of their own: below ``localhost`` on one machine, below a second domain
elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from jupyterhub.utils import subdomain_hook_idna

from outrider_service.contracts.browsers import hostname, is_loopback

PORT_HOST: Final = re.compile(r"j[0-9a-z]{12}-\d{4,5}")
"""The first label of the host of a job's port."""
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")
WILDCARD: Final = "*."


class OriginsError(ValueError):
    """A layout that cannot be had; the message says what to set instead."""


@dataclass(frozen=True, slots=True)
class Origins:
    """``hub``: scheme, host and port of the Hub. ``notebooks``: the domain below which each user has a host, or the one
    host of all users where ``shared``; empty: notebooks share the Hub's origin."""

    hub: str
    notebooks: str
    shared: bool = False

    @property
    def hub_name(self) -> str:
        return urlsplit(self.hub).hostname or ""

    @property
    def separate(self) -> bool:
        return bool(self.notebooks)

    @property
    def secure(self) -> bool:
        return self.hub.startswith("https:")

    def is_notebooks(self, host: str) -> bool:
        """Whether a Host header names a notebook's host."""
        name = hostname(host)
        if not self.notebooks or name == self.hub_name:
            return False
        return name == self.notebooks if self.shared else name.endswith("." + self.notebooks)

    def is_hub(self, host: str) -> bool:
        """Whether a Host header names the Hub's. At localhost the port counts too: redirects would lead out of an ssh
        tunnel that begins at another one. Elsewhere a reverse proxy may leave it out."""
        if self.hub_name != "localhost":
            return hostname(host) == self.hub_name
        return host.lower() == urlsplit(self.hub).netloc

    def of_user(self) -> Callable[[str, str, str], str]:
        """For ``JupyterHub.subdomain_hook``: the host of a user, and the Hub's own for services."""

        def hook(name: str, domain: str, kind: str) -> str:
            if kind != "user":
                return domain
            if self.shared:
                return self.notebooks
            host: str = subdomain_hook_idna(name, self.notebooks, kind)
            label = host.removesuffix("." + self.notebooks)
            if PORT_HOST.fullmatch(label):
                # Cookies do not know ports: this host would share its own with those of a job.
                return f"u-{hashlib.sha256(name.encode()).hexdigest()[:16]}.{self.notebooks}"
            return host

        return hook


def choose(public_url: str, notebooks: str, accept_same_origin: bool) -> Origins:
    """The layout for the Hub's public address and a domain for notebooks, ``*.notebooks.example`` or one host.

    Raises OriginsError where notebooks would share the Hub's origin and nobody has accepted that.
    """
    parts = urlsplit(public_url)
    name = parts.hostname or ""
    port = f":{parts.port}" if parts.port else ""
    if is_loopback(name):
        # One name, whichever was typed: cookies and redirects need one.
        return _local(f"{parts.scheme}://localhost{port}", notebooks, accept_same_origin)
    hub = f"{parts.scheme}://{parts.netloc.lower()}"
    if notebooks:
        return _checked(Origins(hub, notebooks.removeprefix(WILDCARD).lower(), not notebooks.startswith(WILDCARD)))
    if accept_same_origin:
        return Origins(hub, "")
    raise OriginsError(
        f"Notebooks need an origin of their own beside {hub}, or whoever opens a hostile user's notebook hands over "
        "their account. Set OUTRIDER_NOTEBOOKS_DOMAIN to a domain whose names all lead here (*.notebooks.example.org), "
        "or to one second name for all users (notebooks.example.org). If every user trusts every other, "
        "OUTRIDER_SAME_ORIGIN=accept does without."
    )


def _local(hub: str, notebooks: str, accept_same_origin: bool) -> Origins:
    if accept_same_origin:
        return Origins(hub, "")
    if notebooks in ("", "*.localhost"):
        return Origins(hub, "localhost")
    if notebooks == "127.0.0.1":
        return Origins(hub, notebooks, shared=True)
    raise OriginsError(
        "With the Hub at localhost, notebooks are below it (*.localhost, the default) or, for browsers that do not "
        f"resolve such names, at 127.0.0.1: OUTRIDER_NOTEBOOKS_DOMAIN cannot be {notebooks!r}."
    )


def _checked(origins: Origins) -> Origins:
    if not NAME.fullmatch(origins.notebooks):
        raise OriginsError(
            f"OUTRIDER_NOTEBOOKS_DOMAIN must be a domain such as *.notebooks.example.org, not {origins.notebooks!r}."
        )
    above = origins.hub_name.partition(".")[2]
    if origins.notebooks == (origins.hub_name if origins.shared else above):
        raise OriginsError(
            f"The Hub's host {origins.hub_name} could itself be a notebook's with OUTRIDER_NOTEBOOKS_DOMAIN="
            f"{'' if origins.shared else WILDCARD}{origins.notebooks}: choose another domain."
        )
    return origins
