"""A client of the distribution API (version 2) that reads manifests and configurations. It downloads no layers."""

from __future__ import annotations

import asyncio
import base64
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from ..clock import now
from ..outbound import AddressRefused, Answer, Failure, Outbound
from . import facts
from .facts import ImageProblem
from .reference import DOCKER_HUB, Reference

LARGEST_MANIFEST: Final = 4 * 2**20
LARGEST_CONFIG: Final = 4 * 2**20
LARGEST_TOKEN: Final = 256 * 2**10
AT_ONCE: Final = 8
CHALLENGE: Final = re.compile(r'([a-zA-Z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's account at one registry."""

    username: str
    password: str

    @property
    def basic(self) -> str:
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class RegistryClient:
    """Asks registries. ``architecture`` is that of the machines here, in Go's spelling (amd64)."""

    def __init__(self, outbound: Outbound, architecture: str) -> None:
        self._outbound = outbound
        self.architecture = architecture
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def inspect(self, image: Reference, credentials: Credentials | None) -> dict[str, Any]:
        """Facts about the image. Raises ImageProblem."""
        async with self._turns:
            visit = _Visit(self._outbound, image, credentials)
            return await visit.inspect(self.architecture)


class _Visit:
    """A session with one registry; reuses its authorization."""

    def __init__(self, outbound: Outbound, image: Reference, credentials: Credentials | None) -> None:
        self._outbound = outbound
        self._image = image
        self._credentials = credentials
        self._authorization: str | None = None
        host, _, port = image.host.rpartition(":") if re.search(r":\d+$", image.host) else (image.host, "", "")
        plain = outbound.guard.may_be_plain(host.strip("[]"), int(port) if port else 80)
        self._base = f"{'http' if plain else 'https'}://{image.host}/v2/{image.repository}"

    async def inspect(self, architecture: str) -> dict[str, Any]:
        document, digest, kind = await self._manifest(self._image.wanted)
        architectures: list[str] = []
        if kind in facts.INDEXES:
            found = facts.platforms(document)
            architectures = list(found)
            document, _, kind = await self._manifest(facts.choose(found, architecture))
        if kind not in facts.MANIFESTS:
            raise facts.not_an_image(f"the registry holds {kind[:100] or 'something without a type'} under this name")
        manifest = facts.read_manifest(document)
        configuration = facts.read_configuration(await self._configuration(manifest.config_digest))
        if not architectures and configuration.architecture != architecture:
            raise facts.wrong_architecture([configuration.architecture], architecture)
        return {
            "digest": digest,
            "architectures": architectures or [configuration.architecture],
            "size": manifest.size,
            "ports": configuration.ports,
            "user": configuration.user,
            "cuda": configuration.cuda,
            "created_at": configuration.created_at,
            "labels": configuration.labels,
        }

    async def _manifest(self, wanted: str) -> tuple[dict[str, Any], str, str]:
        """A manifest or index, its digest, and what it is."""
        path = f"/manifests/{quote(wanted, safe=':')}"
        answer = await self._get(path, {"Accept": facts.ACCEPT}, LARGEST_MANIFEST)
        digest = facts.digest_of(answer.body)
        # A tag may point anywhere; a digest identifies these bytes.
        if wanted.startswith("sha256:") and digest != wanted:
            raise ImageProblem("unreachable", "The registry sent something other than what was requested.")
        document = facts.read_json(answer.body)
        return document, digest, facts.media_type(document, answer.headers.get("content-type"))

    async def _configuration(self, digest: str) -> dict[str, Any]:
        answer = await self._get(f"/blobs/{quote(digest, safe=':')}", {}, LARGEST_CONFIG)
        if facts.digest_of(answer.body) != digest:
            raise ImageProblem("unreachable", "The registry sent something other than what was requested.")
        return facts.read_json(answer.body)

    async def _get(self, path: str, headers: dict[str, str], most: int) -> Answer:
        answer = await self._send(path, headers, most)
        if answer.status == 401 and self._authorization is None:
            self._authorization = await self._authorize(answer.headers.get("www-authenticate", ""))
            answer = await self._send(path, headers, most)
        if answer.status != 200:
            raise self._problem(answer)
        return answer

    async def _send(self, path: str, headers: dict[str, str], most: int) -> Answer:
        if self._authorization is not None:
            headers = {**headers, "Authorization": self._authorization}
        return await self._ask(self._base + path, headers, most)

    async def _ask(self, url: str, headers: dict[str, str], most: int) -> Answer:
        try:
            return await self._outbound.request("GET", url, headers=headers, most_bytes=most)
        except AddressRefused as refusal:
            raise ImageProblem("refused", str(refusal)) from refusal
        except Failure as failure:
            raise ImageProblem("unreachable", str(failure)) from failure

    async def _authorize(self, challenge: str) -> str:
        """The Authorization header the registry asks for: a token from the realm it names, or basic credentials."""
        kind, _, rest = challenge.strip().partition(" ")
        if kind.lower() == "basic":
            if self._credentials is None:
                raise self._not_allowed()
            return self._credentials.basic
        if kind.lower() != "bearer":
            raise ImageProblem("unreachable", f"{self._image.registry} uses an unsupported authentication scheme.")
        given = dict(CHALLENGE.findall(rest))
        realm = given.get("realm", "")
        query = {"scope": f"repository:{self._image.repository}:pull"}
        if "service" in given:
            query["service"] = given["service"]
        separator = "&" if urlsplit(realm).query else "?"
        headers = {"Authorization": self._credentials.basic} if self._credentials else {}
        # The realm comes from the registry and is checked like the registry's own address.
        answer = await self._ask(f"{realm}{separator}{urlencode(query)}", headers, LARGEST_TOKEN)
        if answer.status in (400, 401, 403):
            raise self._not_allowed()
        if answer.status != 200:
            raise self._problem(answer)
        found = facts.read_json(answer.body)
        token = found.get("token") or found.get("access_token")
        if not isinstance(token, str) or not token.isprintable():
            raise ImageProblem("unreachable", f"{self._image.registry} issued no token.")
        return f"Bearer {token}"

    def _not_allowed(self) -> ImageProblem:
        where = "Docker Hub" if self._image.registry == DOCKER_HUB else self._image.registry
        if self._credentials is None:
            text = f"{where} requires a login for this image: it is private, or does not exist."
        else:
            text = (
                f"{where} denies {self._credentials.username} access to this image: the password or the name is wrong."
            )
        return ImageProblem("not_allowed", text)

    def _problem(self, answer: Answer) -> ImageProblem:
        registry = self._image.registry
        if answer.status == 404:
            return ImageProblem(
                "not_found", f"There is no {self._image.repository}:{self._image.wanted} at {registry}."
            )
        if answer.status in (401, 403):
            return self._not_allowed()
        if answer.status == 429:
            text = f"{registry} has reached its rate limit for now."
            return ImageProblem("rate_limited", text, try_again_at=facts.try_again_at(answer.headers, now()))
        return ImageProblem("unreachable", f"{registry} answered with an error ({answer.status}).")
