"""The caller's notebook servers. Costs and stop times come from the service; the Hub starts and stops servers, and its
REST API takes the same token."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

import httpx

from . import values
from .errors import NotFound, OutriderError, WaitTimeout
from .models import Notebook, build
from .sse import Parser
from .transport import HUB, SERVICE, Transport, pause, segment

POLL_S = 1.0


class Notebooks:
    """Notebook servers by name; the default one's name is empty or "-"."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self) -> list[Notebook]:
        found = self._transport.json("GET", f"{SERVICE}/notebooks")
        return [build(Notebook, item) for item in found["items"]]

    def get(self, server: str = "") -> Notebook:
        """A server that is running, starting or stopping."""
        for notebook in self.list():
            if notebook.server == _name(server) and (notebook.ready or notebook.pending):
                return notebook
        name = _name(server)
        which = f"The notebook server {name!r}" if name else "The default notebook server"
        raise NotFound(f"{which} is not running; start it: outrider notebooks start {name}".rstrip(), 404)

    def keep(self, server: str = "") -> Notebook:
        """Reset the idle timeout."""
        path = f"{SERVICE}/notebooks/{segment(_name(server) or '-')}/keep"
        return build(Notebook, self._transport.json("POST", path, safe=True))

    def start(
        self,
        server: str = "",
        *,
        image: str | None = None,
        machine: str | None = None,
        git_url: str | None = None,
        git_ref: str | None = None,
        max_age: str | int | None = None,
        idle_timeout: str | int | None = None,
    ) -> Iterator[str]:
        """Start a server; defaults are those of its last start. Yields progress messages until it is ready.

        ``git_url``: a repository to clone into its home. ``max_age``, ``idle_timeout``: stop it after this time in any
        case, or after this idle time ("2h", or seconds)."""
        options = {
            "image": image,
            "machine": machine,
            "git_url": git_url,
            "git_ref": git_ref,
            "max_age_s": values.duration(max_age) if max_age else None,
            "idle_timeout_s": values.duration(idle_timeout) if idle_timeout else None,
        }
        body = {name: value for name, value in options.items() if value}
        address = self._address(server)
        answer = self._transport.request("POST", address, body=body or None)
        if answer.status_code == 201:
            return
        yield from self._progress(address)

    def _progress(self, address: str) -> Iterator[str]:
        for attempt in range(5):
            try:
                # The timeout applies to each progress event; the Hub itself gives up on a slow start.
                with self._transport.stream(f"{address}/progress", read_timeout=600.0) as answer:
                    parser = Parser()
                    for chunk in answer.iter_bytes():
                        for message in parser.feed(chunk):
                            step: dict[str, Any] = message.json()
                            if step.get("failed"):
                                raise OutriderError(str(step.get("message") or "The server failed to start."))
                            if step.get("message"):
                                yield str(step["message"])
                            if step.get("ready"):
                                return
            except httpx.HTTPError:
                pass
            time.sleep(pause(attempt))
        raise OutriderError("The server is still starting; see: outrider notebooks list")

    def stop(self, server: str = "", *, timeout: float = 120.0) -> None:
        """Stop a server and wait for that; its files stay."""
        answer = self._transport.request("DELETE", self._address(server), safe=True)
        deadline = time.monotonic() + timeout
        while answer.status_code == 202 and self._exists(server):
            if time.monotonic() > deadline:
                raise WaitTimeout("The server is still stopping; see: outrider notebooks list")
            time.sleep(POLL_S)

    def _exists(self, server: str) -> bool:
        try:
            self.get(server)
        except NotFound:
            return False
        return True

    def url(self, notebook: Notebook) -> str:
        """A server's full address."""
        return urljoin(self._transport.url + "/", notebook.url)

    def _address(self, server: str) -> str:
        me = self._transport.json("GET", f"{SERVICE}/me")
        user, name = segment(me["name"]), _name(server)
        return f"{HUB}/users/{user}/servers/{segment(name)}" if name else f"{HUB}/users/{user}/server"


def _name(server: str) -> str:
    return "" if server == "-" else server
