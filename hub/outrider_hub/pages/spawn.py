"""Starting a notebook: JupyterHub's own handler with another page, and with its errors at the fields."""

from __future__ import annotations

from typing import Any

from jupyterhub.handlers.pages import SpawnHandler
from tornado.httputil import url_concat

from ..spawner import options
from ..spawner.catalog import Invalid, OutriderSpawnerMixin, StartRefused
from ..spawner.service_client import ServiceProblem
from . import form, formatting
from .home import shown_name
from .policy import POLICY

THEIRS = ("next", "display_name")
"""Query parameters that JupyterHub itself uses."""
ONCE = ("git_url", "git_ref")
"""Options that a new notebook does not inherit from the last one."""


class SpawnPage(SpawnHandler):
    """GET shows the form with this notebook's last settings; POST starts it."""

    def initialize(self, **kwargs: Any) -> None:
        super().initialize(**kwargs)
        self._asked: dict[str, str] = {}
        self._errors: dict[str, str] = {}
        if self.request.method == "GET":
            self._asked = self._take_options()

    async def get(self, user_name: str | None = None, server_name: str = "") -> None:
        """Shows the form. JupyterHub records a notebook as soon as somebody looks at its form; one that nobody starts
        is forgotten again, so that links make no entries in the list and use up no limit."""
        owner = self.find_user(user_name) if user_name else self.current_user
        known = owner is None or not server_name or server_name in owner.orm_spawners
        await super().get(user_name, server_name)
        if not known and server_name in owner.orm_spawners and not owner.spawners[server_name].active:
            orm = owner.orm_spawners[server_name]
            owner.spawners.pop(server_name)
            self.db.delete(orm)
            self.db.commit()

    def _take_options(self) -> dict[str, str]:
        """Query parameters pre-fill the form but never start a server: an attacker may have written the link, and the
        image it names would see all of the user's storage. So they are taken out of the request before JupyterHub,
        which would start a server with them, sees it."""
        found = self.request.query_arguments
        self.request.query_arguments = {name: values for name, values in found.items() if name in THEIRS}
        given = options.typed(
            {
                name.removeprefix("opt-"): [value.decode("utf-8", "replace") for value in values]
                for name, values in found.items()
                if name not in THEIRS
            }
        )
        return {name: text for name, text in given.items() if name in options.Choice.model_fields}

    @property
    def content_security_policy(self) -> str:
        return f"{POLICY}; report-uri {self.csp_report_uri}"

    async def _wrap_spawn_single_user(self, user: Any, server_name: str, *rest: Any) -> Any:
        """``rest``: the display name (JupyterHub 6), the spawner, the pending URL, and the options if any."""
        place = next(number for number, one in enumerate(rest) if isinstance(one, OutriderSpawnerMixin))
        chosen = rest[place + 2] if len(rest) > place + 2 else None
        try:
            await _check_other_image(rest[place], chosen or {})
            return await super()._wrap_spawn_single_user(user, server_name, *rest)
        except (Invalid, StartRefused) as error:
            self._errors = error.errors
            raise

    async def _render_form(
        self, for_user: Any, spawner_options_form: str, message: str | None = "", html_message: str | None = ""
    ) -> Any:
        server = self.path_args[1] if len(self.path_args) > 1 else ""
        spawner = for_user.spawners[server]
        groups = [group.name for group in for_user.groups]
        values, errors = self._values(for_user, spawner), self._errors
        if self.request.method == "POST" and not errors:
            errors = _errors(values)
        offer = await spawner.offer()
        found = form.form(offer, values, groups, errors) if offer is not None else None
        # The form's answer may lead straight to the notebook, which is on a host of its own.
        policy = self.content_security_policy.replace(
            "form-action 'self'", f"form-action 'self' {for_user.host}".rstrip()
        )
        self.set_header("Content-Security-Policy", policy)
        kept = {name: self.get_argument(name) for name in THEIRS if self.get_argument(name, "")}
        return await self.render_template(
            "outrider_spawn.html",
            for_user=for_user,
            auth_state=await for_user.get_auth_state(),
            form=found,
            labels=form.LABELS,
            server=server,
            title=shown_name(spawner),
            # Shown at its field if there is one, else at the top.
            message="" if found is not None and found.errors else message,
            url=url_concat(self.request.path, {**kept, "_xsrf": self.xsrf_token.decode("ascii")}),
        )

    def _values(self, for_user: Any, spawner: Any) -> dict[str, str]:
        """What the user typed; else the query parameters over this notebook's last settings, or over those of the
        notebook that was started last."""
        if self.request.method == "POST":
            body = {
                name: [value.decode("utf-8", "replace") for value in all_of_it]
                for name, all_of_it in self.request.body_arguments.items()
            }
            return options.typed(body)
        last = options.as_typed(spawner.user_options or {})
        if not last:
            started = [orm for orm in for_user.orm_user._orm_spawners if orm.started and orm.user_options]
            newest = max(started, key=lambda orm: orm.started, default=None)
            others = options.as_typed(newest.user_options) if newest is not None else {}
            last = {name: text for name, text in others.items() if name not in ONCE}
        if "other_image" in self._asked and "image" not in self._asked:
            self._asked["image"] = options.OTHER
        return last | self._asked


def _errors(values: dict[str, str]) -> dict[str, str]:
    try:
        options.from_form({name: [text] for name, text in values.items()})
    except options.OptionsError as error:
        return error.errors
    return {}


async def _check_other_image(spawner: Any, chosen: dict[str, Any]) -> None:
    """Checks the image before the spawn, so that the error appears at its field. Raises StartRefused."""
    image = chosen.get("other_image")
    if not isinstance(image, str):
        return
    # Malformed options are refused first.
    spawner.read_options(chosen)
    try:
        facts = await spawner.service.check(spawner.user.name, image)
    except ServiceProblem as problem:
        raise StartRefused(problem.message, reason="image", status=problem.status, field="other_image") from problem
    if facts.status != "ok":
        text = f"{facts.message}{formatting.when_again(facts)} {formatting.ADVICE[facts.status]}"
        raise StartRefused(text, reason="image", field="other_image")
