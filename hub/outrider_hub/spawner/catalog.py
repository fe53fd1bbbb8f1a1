"""What every platform's spawner has in common: the options form, room from the service, and progress.

The service decides the image, the directories and whether there is room; a subclass starts what it says.
Talks to the service only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from jupyterhub.spawner import SpawnException
from tornado import web
from traitlets import Unicode, default
from traitlets.config import LoggingConfigurable

from outrider_service.schema.catalog import Person
from outrider_service.schema.resources import SpawnRequest, SpawnSpec

from . import options
from .service_client import ServiceClient, ServiceProblem, Times

RELEASE_TRIES = 8
SHORT_S = 3.0
NO_CATALOG = (
    '<p class="alert alert-warning">The list of environments and machines cannot be read now. '
    "Starting uses the defaults.</p>"
)


class Refused(SpawnException):
    """A server that will not start; the page shows the sentence as it is."""

    def __init__(self, message: str, *, reason: str, status: int = 400) -> None:
        super().__init__(message, reason=reason, status_code=status)
        self.jupyterhub_message = message


class CatalogMixin(LoggingConfigurable):
    """Makes a spawner ask the Outrider service what to start, and tell it when that has ended.

    Goes before JupyterHub's Spawner in a class's bases; what it uses of that is named here.
    """

    user: Any
    name: str
    user_options: dict[str, Any]
    _log_name: str

    service_url = Unicode(help="The API of the Outrider service, as the Hub reaches it.").tag(config=True)
    service_token = Unicode(help="The Hub's token for it; it can claim room and nothing else.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        self._steps: list[dict[str, Any]] = []
        self._stepped = asyncio.Event()
        self._releases: set[asyncio.Task[None]] = set()
        super().__init__(**kwargs)

    @property
    def service(self) -> ServiceClient:
        return ServiceClient(self.service_url, self.service_token)

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        return options.from_form

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        # Refused here, before anything starts, whether the form or the API sent it.
        def apply(spawner: CatalogMixin, given: dict[str, Any]) -> None:
            spawner.read_options(given)

        return apply

    def read_options(self, given: dict[str, Any] | None) -> SpawnRequest:
        """The request to the service that the options make; 400 names what cannot be used."""
        groups = [group.name for group in self.user.groups]
        try:
            return options.request(options.read(given), bool(self.user.admin), groups)
        except options.OptionsError as error:
            raise web.HTTPError(400, str(error)) from error

    async def get_options_form(self) -> str:
        groups = [group.name for group in self.user.groups]
        try:
            offer = await self.service.offer(
                self.user.name, Person(user_groups=groups, user_admin=bool(self.user.admin))
            )
        except ServiceProblem:
            return NO_CATALOG
        try:
            chosen = options.read(self.user_options)
        except options.OptionsError:
            chosen = options.Choice()
        return options.form(offer.images, offer.machines, chosen)

    async def claim(self) -> SpawnSpec:
        """Room and directories for this server, or a refusal that people can read."""
        self._steps.clear()
        self.step(10, "Asking for a machine")
        try:
            return await self.service.claim(self.user.name, self.name, self.read_options(self.user_options))
        except ServiceProblem as problem:
            self.step(None, problem.message)
            raise Refused(problem.message, reason="capacity", status=problem.status) from problem

    def step(self, progress: int | None, message: str) -> None:
        """Shows the waiting page what happens."""
        event: dict[str, Any] = {"message": message}
        if progress is not None:
            event["progress"] = progress
        self._steps.append(event)
        self._stepped.set()

    async def progress(self) -> AsyncIterator[dict[str, Any]]:
        shown = 0
        while True:
            self._stepped.clear()
            for event in self._steps[shown:]:
                yield event
            shown = len(self._steps)
            await self._stepped.wait()

    async def run_post_stop_hook(self) -> None:
        """Called by JupyterHub after every end: stopped, died, or never started."""
        hook = super().run_post_stop_hook()  # type: ignore[misc]
        if asyncio.iscoroutine(hook) or isinstance(hook, asyncio.Future):
            await hook
        # Before the traces go: what is billed is what the container itself ran.
        times = await self.times()
        await self.clean_up()
        if not await self._release(times):
            # In the background: a service that is away must not hold up whoever waits for the stop.
            task = asyncio.create_task(self._keep_releasing(times))
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)

    async def clean_up(self) -> None:
        """For subclasses: removes what an ended server leaves."""

    async def times(self) -> Times:
        """For subclasses: when the ended server's container started and ended."""
        return None, None

    async def report_started(self) -> None:
        """Tell the service since when the container runs; if that fails, its end will tell as well."""
        started_at, _ = await self.times()
        try:
            await ServiceClient(self.service_url, self.service_token, SHORT_S).started(
                self.user.name, self.name, started_at or time.time()
            )
        except ServiceProblem as problem:
            self.log.warning("The start of %s is not reported: %s", self._log_name, problem.message)

    async def _release(self, times: Times) -> bool:
        """One try to give the room back; False when the service did not take it."""
        try:
            await ServiceClient(self.service_url, self.service_token, SHORT_S).release(self.user.name, self.name, times)
        except ServiceProblem as problem:
            self.log.warning("The room of %s is not released yet: %s", self._log_name, problem.message)
            return False
        return True

    async def _keep_releasing(self, times: Times) -> None:
        """What is never released, the service finds by itself: it asks the Hub who runs."""
        for number in range(RELEASE_TRIES):
            await asyncio.sleep(2**number)
            if self._succeeded() or await self._release(times):
                return

    def _succeeded(self) -> bool:
        """Whether a new server of the same name has the room now. It has a spawner object of its own."""
        spawners = self.user.spawners
        return self.name in spawners and spawners[self.name] is not self and bool(spawners[self.name].active)
