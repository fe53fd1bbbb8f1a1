"""Images, secrets, usage and storage: small typed calls of the service."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .models import Image, ImageFacts, Secret, StorageHolding, UsageReport, build
from .transport import SERVICE, Transport, segment, subpath


class Images:
    """The catalog as the caller sees it, and their own images. ``shared``: for everybody; admins only."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Image]:
        found = self._transport.json("GET", f"{SERVICE}/images")
        return [Image.parse(item) for item in found["items"]]

    def check(self, image: str) -> ImageFacts:
        """Check the image with its registry, using the caller's credentials."""
        body = {"image": image}
        return build(ImageFacts, self._transport.json("POST", f"{SERVICE}/images/check", body=body, safe=True))

    def add(self, image: str, *, shared: bool = False, check: bool = True, **fields: Any) -> Image:
        """Add an image. Unless ``check`` is False, its registry is checked first and its digest is pinned."""
        given = {name: value for name, value in fields.items() if value is not None}
        body = {"name": image, "check": check, **given}
        return Image.parse(self._transport.json("POST", f"{SERVICE}/{_collection(shared)}", body=body))

    def pin(self, image: str, *, shared: bool = False) -> Image:
        """Pin the image to its tag's current digest."""
        path = f"{SERVICE}/{_collection(shared)}/{subpath(image)}/pin"
        return Image.parse(self._transport.json("POST", path, safe=True))

    def remove(self, image: str, *, shared: bool = False) -> None:
        self._transport.request("DELETE", f"{SERVICE}/{_collection(shared)}/{subpath(image)}", safe=True)


def _collection(shared: bool) -> str:
    return "images" if shared else "own-images"


class Secrets:
    """Secrets that jobs use by name. Values can be set, but not read."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Secret]:
        return [build(Secret, item) for item in self._transport.json("GET", f"{SERVICE}/secrets")["items"]]

    def set(
        self,
        name: str,
        value: str,
        *,
        kind: str = "variable",
        account: str | None = None,
        group: str | None = None,
        known_hosts: str | None = None,
    ) -> Secret:
        """``kind`` registry or git: the value is the password or token of ``account`` at the host ``name``; ssh: the
        private key for that host, whose own keys are the lines of ``known_hosts``."""
        given = {"value": value, "account": account, "known_hosts": known_hosts}
        body = {field: text for field, text in given.items() if text is not None}
        path = f"{SERVICE}/secrets/{segment(kind)}/{segment(name)}"
        return build(Secret, self._transport.json("PUT", path, params={"group": group}, body=body, safe=True))

    def remove(self, name: str, *, kind: str = "variable", group: str | None = None) -> None:
        path = f"{SERVICE}/secrets/{segment(kind)}/{segment(name)}"
        self._transport.request("DELETE", path, params={"group": group}, safe=True)


class Usage:
    """Hours and costs."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def report(self, by: Iterable[str] = (), **filters: Any) -> UsageReport:
        """Sums by user, group, project, machine, kind or day. ``since`` and ``until`` are days; ``all``:
        everybody's."""
        params = {"by": list(by), **filters}
        return UsageReport.parse(self._transport.json("GET", f"{SERVICE}/usage", params=params))

    def csv(self, by: Iterable[str] = (), **filters: Any) -> str:
        """The same report as CSV."""
        params = {"by": list(by), **filters, "format": "csv"}
        return self._transport.request("GET", f"{SERVICE}/usage", params=params).text

    def storage(self) -> list[StorageHolding]:
        """Storage used by the caller and their groups, with its limits."""
        found = self._transport.json("GET", f"{SERVICE}/me/storage")
        return [build(StorageHolding, item) for item in found["items"]]
