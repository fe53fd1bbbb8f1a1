"""The SDK's entry point: an object for a platform, with everything on it."""

from __future__ import annotations

from types import TracebackType

from . import credentials
from .catalog import Images, Secrets, Usage
from .files import Storage
from .jobs import Jobs
from .models import Machine, Me, build
from .notebooks import Notebooks
from .snapshots import Snapshots
from .transport import SERVICE, Transport


class Client:
    """A platform and the caller's token for it.

    Without arguments: OUTRIDER_URL and OUTRIDER_TOKEN, else the notebook server's own, else the login stored by
    ``outrider login``. Thread-safe; usable as a context manager.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        found = credentials.resolve(url, token)
        self.url = found.url
        self.credentials_from = found.source
        self._transport = Transport(found.url, found.token)
        self.snapshots = Snapshots(self._transport)
        self.jobs = Jobs(self._transport, self.snapshots)
        self.storage = Storage(self._transport, f"{SERVICE}/storage", "/storage")
        self.notebooks = Notebooks(self._transport)
        self.images = Images(self._transport)
        self.secrets = Secrets(self._transport)
        self.usage = Usage(self._transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def me(self) -> Me:
        """The caller, with limits and current usage."""
        return build(Me, self._transport.json("GET", f"{SERVICE}/me"))

    def machines(self) -> list[Machine]:
        """The machine types with their prices and free capacity."""
        found = self._transport.json("GET", f"{SERVICE}/machines")
        return [build(Machine, item) for item in found["items"]]
