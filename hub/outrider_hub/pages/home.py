"""The list of a user's notebooks: open, stop, restart on another machine type, create. Works without JavaScript."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.pages import HomeHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_path_join
from tornado import web

from outrider_service.contracts.spawning import Offer

from .policy import POLICY

STOP_S = 40.0
"""How long the page waits for a stop before it shows the notebook as stopping."""
MOST_LETTERS = 30
NAMES = "Use up to 30 lower-case letters, digits and single hyphens, starting with a letter."


def is_name(text: str) -> bool:
    """Whether JupyterHub accepts this server name, both on its page and in URLs."""
    return len(text) <= MOST_LETTERS and re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", text) is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One notebook in the list."""

    server: str
    title: str
    state: str
    """running, starting, stopping or stopped."""
    image: str
    machine: str
    note: str
    url: str
    spawn_url: str
    pending_url: str


def shown_name(spawner: Any) -> str:
    """The server's display name; before JupyterHub 6 that is its name."""
    return str(getattr(spawner.orm_spawner, "display_name", None) or spawner.name)


def state_of(spawner: Any) -> str:
    if spawner.pending == "stop":
        return "stopping"
    if spawner.pending:
        return "starting"
    return "running" if spawner.ready else "stopped"


def rows(user: Any, hub_url: str, offer: Offer | None) -> list[Row]:
    """The default notebook first, then the named ones in order."""
    images = {image.name: image.title for image in offer.images} if offer else {}
    machines = {machine.name: machine.title for machine in offer.machines} if offer else {}
    found = []
    for name in sorted(user.orm_spawners):
        spawner = user.spawners[name]
        chosen = spawner.user_options or {}
        image = str(chosen.get("other_image") or chosen.get("image") or "")
        machine = str(chosen.get("machine") or "")
        tail = (user.escaped_name, quote(spawner.name, safe="")) if spawner.name else (user.escaped_name,)
        found.append(
            Row(
                server=spawner.name,
                title=shown_name(spawner) or "Default notebook",
                state=state_of(spawner),
                image=images.get(image, image),
                machine=machines.get(machine, machine),
                note=spawner.note if spawner.active else "",
                url=user.server_url(spawner.name),
                spawn_url=url_path_join(hub_url, "spawn", *tail),
                pending_url=url_path_join(hub_url, "spawn-pending", *tail),
            )
        )
    return found


class _Page(BaseHandler):
    @property
    def content_security_policy(self) -> str:
        return f"{POLICY}; report-uri {self.csp_report_uri}"

    async def show(self, user: Any, *, error: str = "", typed: str = "") -> None:
        limit = await self.get_current_user_named_server_limit()
        offer = await user.spawner.offer()
        self.finish(
            await self.render_template(
                "outrider_home.html",
                rows=rows(user, self.hub.base_url, offer),
                away=offer is None,
                limit=limit,
                full=0 < limit <= len(set(user.orm_spawners) - {""}),
                error=error,
                typed=typed,
                names=NAMES,
            )
        )

    def user_of(self, name: str) -> Any:
        user = self.find_user(name)
        if user is None:
            raise web.HTTPError(404, f"No such user: {name}")
        return user


class HomePage(_Page, HomeHandler):
    @web.authenticated
    async def get(self) -> None:
        user = self.current_user
        if user.running:
            # Notices a server that has died.
            await user.spawner.poll_and_notify()
        await self.show(user)


class NewNotebook(_Page):
    """Validates a new notebook's name and redirects to its spawn page."""

    @web.authenticated
    async def get(self) -> None:
        user, name = self.current_user, self.get_argument("name", "").strip()
        if not is_name(name):
            self.set_status(400)
            await self.show(user, error=NAMES, typed=name)
            return
        self.redirect(url_path_join(self.hub.base_url, "spawn", user.escaped_name, quote(name, safe="")))


class StopNotebook(_Page):
    """Stops a notebook, then optionally redirects to its spawn page or deletes it. Its files are always kept."""

    @web.authenticated
    async def post(self) -> None:
        await self._stop(self.get_body_argument("user", self.current_user.name))

    @needs_scope("delete:servers")  # type: ignore[untyped-decorator]
    async def _stop(self, user_name: str) -> None:
        user, name = self.user_of(user_name), self.get_body_argument("server", "")
        then = self.get_body_argument("then", "")
        home = url_path_join(self.hub.base_url, "home")
        if name not in user.orm_spawners:
            raise web.HTTPError(404, f"{user_name} has no notebook {name!r}")
        spawner = user.spawners[name]
        if spawner.ready:
            await spawner.poll_and_notify()
        if spawner.ready:
            future = await self.stop_single_user(user, name)
            await asyncio.wait([future], timeout=STOP_S)
        if spawner.active:
            # Still starting or stopping: the list shows which.
            self.redirect(home)
            return
        if then == "restart":
            parts = (user.escaped_name, quote(name, safe="")) if name else (user.escaped_name,)
            self.redirect(url_path_join(self.hub.base_url, "spawn", *parts))
            return
        if then == "forget" and name:
            await user._delete_spawner(spawner)
            self.db.delete(spawner.orm_spawner)
            user.spawners.pop(name, None)
            self.db.commit()
        self.redirect(home)
