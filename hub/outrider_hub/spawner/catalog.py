"""The common part of all platforms' spawners: options, a lease from the service, and progress.

The service decides the image, the directories and whether a machine is free; a subclass starts the server accordingly.
Talks only to the service.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from tornado import web
from traitlets import Float, Unicode, default
from traitlets.config import LoggingConfigurable

from outrider_service.contracts.spawning import Offer, Person, SpawnRequest, SpawnSpec

from . import options
from .refusal import SpawnException
from .service_client import ServiceClient, ServiceProblem, Times

RELEASE_TRIES = 8
SHORT_S = 3.0
AWAY_PAGE_S = 3.0
"""How long a page waits for an unavailable service before it is shown without its data."""


class StartRefused(SpawnException):
    """The server will not start; the page shows the message at the field at fault."""

    def __init__(self, message: str, *, reason: str, status: int = 400, field: str | None = None) -> None:
        super().__init__(message, reason=reason, status_code=status)
        self.jupyterhub_message = message
        self.errors = {field: message.removeprefix(f"{field}: ")} if field else {}


class Invalid(web.HTTPError):
    """Invalid options; ``errors`` maps each to what is wrong."""

    def __init__(self, error: options.OptionsError) -> None:
        super().__init__(400, str(error).replace("%", "%%"))
        self.jupyterhub_message = str(error)
        self.errors = error.errors


class OutriderSpawnerMixin(LoggingConfigurable):
    """Makes a spawner ask the Outrider service what to start, and report the end to it.

    Must come before JupyterHub's Spawner in a class's bases. The attributes of Spawner that it uses are declared here.
    """

    user: Any
    name: str
    user_options: dict[str, Any]
    _log_name: str

    service_url = Unicode(help="URL of the Outrider service's API for the Hub.").tag(config=True)
    service_token = Unicode(
        help="The Hub's token for the service; it can lease machines for notebooks and nothing else."
    ).tag(config=True)

    page_patience_s = Float(
        20,
        help="Seconds that a page waits for the service's answer. Includes the Hub's own delays, which are seconds "
        "when hundreds of users log in at once.",
    ).tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        self.note = ""
        """A note about the start for the server's owner; stored in its state."""
        self._steps: list[dict[str, Any]] = []
        self._stepped = asyncio.Event()
        self._releases: set[asyncio.Task[None]] = set()
        super().__init__(**kwargs)

    @property
    def service(self) -> ServiceClient:
        return ServiceClient(self.service_url, self.service_token)

    def get_state(self) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state()  # type: ignore[misc]
        return {**state, "note": self.note} if self.note else state

    def load_state(self, state: dict[str, Any]) -> None:
        super().load_state(state)  # type: ignore[misc]
        self.note = str(state.get("note") or "")

    def clear_state(self) -> None:
        super().clear_state()  # type: ignore[misc]
        self.note = ""

    def told_of_repository(self, said: str | None) -> None:
        """The result of cloning the repository; the server runs in any case."""
        if said is not None and said != "cloned":
            self.note = said
            self.step(None, said)

    @default("options_from_form")
    def _default_options_from_form(self) -> Any:
        def from_form(form: dict[str, list[str]]) -> dict[str, Any]:
            try:
                return options.from_form(form)
            except options.OptionsError as error:
                raise Invalid(error) from error

        return from_form

    @default("apply_user_options")
    def _default_apply_user_options(self) -> Any:
        # Validated here, before anything starts, whether the form or the API sent it.
        def apply(spawner: OutriderSpawnerMixin, given: dict[str, Any]) -> None:
            spawner.read_options(given)

        return apply

    def read_options(self, given: dict[str, Any] | None) -> SpawnRequest:
        """The options as a request to the service. Raises Invalid for options that cannot be used."""
        groups = [group.name for group in self.user.groups]
        try:
            return options.request(options.read(given), bool(self.user.admin), groups)
        except options.OptionsError as error:
            raise Invalid(error) from error

    async def get_options_form(self) -> str:
        """Tells JupyterHub that there is a form; ``outrider_hub.pages`` renders it."""
        return "outrider"

    async def offer(self) -> Offer | None:
        """What the user may choose; None: the service is unavailable."""
        groups = [group.name for group in self.user.groups]
        person = Person(user_groups=groups, user_admin=bool(self.user.admin))
        client = ServiceClient(self.service_url, self.service_token, AWAY_PAGE_S, self.page_patience_s)
        try:
            return await client.offer(self.user.name, person)
        except ServiceProblem as problem:
            self.log.warning("%s: what they may choose is unknown: %s", self._log_name, problem.message)
            return None

    async def claim(self) -> SpawnSpec:
        """A lease and the directories for this server. Raises StartRefused with a message for the user."""
        self._steps.clear()
        self.step(10, "Asking for a machine")
        try:
            return await self.service.claim(self.user.name, self.name, self.read_options(self.user_options))
        except ServiceProblem as problem:
            self.step(None, problem.message)
            raise StartRefused(
                problem.message, reason="capacity", status=problem.status, field=problem.field
            ) from problem

    def step(self, progress: int | None, message: str) -> None:
        """Show progress on the waiting page."""
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
        """Called by JupyterHub after every end: stopped, crashed, or never started."""
        hook = super().run_post_stop_hook()  # type: ignore[misc]
        if asyncio.iscoroutine(hook) or isinstance(hook, asyncio.Future):
            await hook
        # Before its traces are removed: the time that the container itself ran is billed.
        times = await self.times()
        await self.clean_up()
        if not await self._release(times):
            # In the background, so that an unavailable service does not delay the stop.
            task = asyncio.create_task(self._keep_releasing(times))
            self._releases.add(task)
            task.add_done_callback(self._releases.discard)

    async def clean_up(self) -> None:
        """For subclasses: remove what an ended server leaves behind."""

    async def times(self) -> Times:
        """For subclasses: when the ended server's container started and ended."""
        return None, None

    async def report_started(self) -> None:
        """Report the container's start to the service; if that fails, the end reports it too."""
        started_at, _ = await self.times()
        try:
            await ServiceClient(self.service_url, self.service_token, SHORT_S, SHORT_S).started(
                self.user.name, self.name, started_at or time.time()
            )
        except ServiceProblem as problem:
            self.log.warning("The start of %s could not be reported: %s", self._log_name, problem.message)

    async def _release(self, times: Times) -> bool:
        """Try once to release the lease; False if the service did not accept that."""
        try:
            await ServiceClient(self.service_url, self.service_token, SHORT_S, SHORT_S).release(
                self.user.name, self.name, times
            )
        except ServiceProblem as problem:
            self.log.warning("The lease of %s could not be released yet: %s", self._log_name, problem.message)
            return False
        return True

    async def _keep_releasing(self, times: Times) -> None:
        """Retry a few times. The service finds leases that were never released by itself: it asks the Hub what runs."""
        for number in range(RELEASE_TRIES):
            await asyncio.sleep(2**number)
            if self._succeeded() or await self._release(times):
                return

    def _succeeded(self) -> bool:
        """Whether a new server with the same name, which has its own spawner object, holds the lease now."""
        spawners = self.user.spawners
        return self.name in spawners and spawners[self.name] is not self and bool(spawners[self.name].active)
