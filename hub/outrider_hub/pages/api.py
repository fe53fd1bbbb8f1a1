"""The API behind the spawn page's script: checks an image and reports which machines are free.

The browser may not have logged in to the service yet, so the Hub calls the service with its own token. Access
requires the same JupyterHub scope as starting a server for the user.
"""

from __future__ import annotations

from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from pydantic import ValidationError
from tornado import web

from outrider_service.contracts.spawning import ImageQuestion

from ..spawner.service_client import ServiceProblem
from . import form, formatting


class _OfUser(APIHandler):
    def _spawner(self, user_name: str) -> Any:
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        return user.spawner

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(body)


class OfferHandler(_OfUser):
    """Which machine types are free now."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def get(self, user_name: str) -> None:
        offer = await self._spawner(user_name).offer()
        if offer is None:
            self._answer(503, {"status": 503, "message": "The job service is not responding."})
            return
        self._answer(200, {"machines": form.live(offer)})


class CheckHandler(_OfUser):
    """What the registry says about an image, with advice."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def post(self, user_name: str) -> None:
        spawner = self._spawner(user_name)
        try:
            question = ImageQuestion.model_validate(self.get_json_body())
        except ValidationError:
            text = "Enter an image reference, such as python:3.11 or registry.example/team/image:tag."
            self._answer(422, {"status": 422, "field": "image", "message": text})
            return
        try:
            facts = await spawner.service.check(user_name, question.image)
        except ServiceProblem as problem:
            message = formatting.sentence(problem.message.removeprefix("image: "))
            body = {"status": problem.status, "field": "image", "message": message}
            self._answer(problem.status, body)
            return
        self._answer(
            200,
            {
                "status": facts.status,
                "reference": facts.reference,
                "message": facts.message + formatting.when_again(facts),
                "advice": formatting.ADVICE[facts.status],
                "facts": formatting.facts_of(facts, facts.digest),
            },
        )
