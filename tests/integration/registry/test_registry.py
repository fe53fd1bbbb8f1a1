"""Asking real registries about images."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from outrider_service.outbound import Guard, Outbound
from outrider_service.registry import Credentials, ImageProblem, RegistryClient, parse
from tests.integration.registry.server import CONFIG, MANIFEST, PASSWORD, USER, Registry

Ask = Callable[..., Any]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Asks about an image; ``allow`` as the operator would."""
    made: list[Outbound] = []

    async def question(
        image: str, *allow: str, credentials: Credentials | None = None, architecture: str = "amd64"
    ) -> dict[str, Any]:
        made.append(outbound := Outbound(Guard(allow)))
        return await RegistryClient(outbound, architecture).inspect(parse(image), credentials)

    yield question
    for outbound in made:
        await outbound.close()


async def problem(asking: Any) -> ImageProblem:
    with pytest.raises(ImageProblem) as caught:
        await asking
    return caught.value


async def test_everything_about_an_image(registry: Registry, ask: Ask) -> None:
    digest, size = registry.image(
        "team/torch",
        "2.4",
        ExposedPorts={"8888/tcp": {}},
        User="1000",
        Env=["PATH=/bin", "CUDA_VERSION=12.4.1"],
        Labels={"org.opencontainers.image.title": "Torch"},
    )
    assert await ask(f"{registry.name}/team/torch:2.4", registry.allowed) == {
        "digest": digest,
        "architectures": ["amd64"],
        "size": size,
        "ports": ["8888/tcp"],
        "user": "1000",
        "cuda": "12.4.1",
        "created_at": "2024-05-06T07:08:09+00:00",
        "labels": {"org.opencontainers.image.title": "Torch"},
    }
    # By its digest as well, though the tag is wrong.
    assert (await ask(f"{registry.name}/team/torch@{digest}", registry.allowed))["digest"] == digest


async def test_an_image_for_several_architectures(registry: Registry, ask: Ask) -> None:
    digest = registry.index("team/multi", "1", "arm64", "amd64")
    found = await ask(f"{registry.name}/team/multi:1", registry.allowed)
    assert (found["digest"], found["architectures"]) == (digest, ["arm64", "amd64"])


@pytest.mark.parametrize("kind", ["index", "single"])
async def test_the_wrong_architecture(registry: Registry, ask: Ask, kind: str) -> None:
    if kind == "index":
        registry.index("team/arm", "index", "arm64", "s390x")
    else:
        registry.image("team/arm", "single", "arm64")
    why = await problem(ask(f"{registry.name}/team/arm:{kind}", registry.allowed))
    assert why.status == "wrong_architecture" and "arm64" in why.message and "amd64" in why.message


@pytest.mark.parametrize("image", ["team/nothing:1", "team/torch:mistyped"])
async def test_not_found(registry: Registry, ask: Ask, image: str) -> None:
    registry.image("team/torch", "there")
    why = await problem(ask(f"{registry.name}/{image}", registry.allowed))
    assert why.status == "not_found" and image.split(":")[1] in why.message


async def test_what_is_no_image(registry: Registry, ask: Ask) -> None:
    chart = registry.blob("team/chart", b"{}")
    kind = "application/vnd.cncf.helm.config.v1+json"
    document = {"config": {"mediaType": kind, "digest": chart, "size": 2}, "layers": []}
    registry.manifest("team/chart", "1", {"schemaVersion": 2, "mediaType": MANIFEST, **document})
    why = await problem(ask(f"{registry.name}/team/chart:1", registry.allowed))
    assert why.status == "not_an_image" and "helm" in why.message


async def test_a_private_registry(private: Registry, ask: Ask) -> None:
    private.image("team/secret")
    image = f"{private.name}/team/secret:1"
    why = await problem(ask(image, private.allowed))
    assert why.status == "not_allowed" and "requires a login" in why.message
    why = await problem(ask(image, private.allowed, credentials=Credentials(USER, "wrong")))
    assert why.status == "not_allowed" and USER in why.message and "wrong" not in why.message.replace("is wrong", "")
    assert (await ask(image, private.allowed, credentials=Credentials(USER, PASSWORD)))["architectures"] == ["amd64"]


# -- what no well-behaved registry does -----------------------------------------------------------------------------


class Played:
    """A registry that says what a test wants: (status, headers, body) by path; it remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.seen: list[tuple[str, str | None]] = []
        played = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                authorization = self.headers.get("Authorization")
                played.seen.append((self.path, authorization))
                status, headers, body = played.answers.get(self.path.partition("?")[0], (404, {}, b""))
                if status == 401 and authorization == "Bearer good":
                    status, headers, body = played.answers[self.path + "+token"]
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.name = f"127.0.0.1:{self.server.server_port}"
        self.allowed = f"http://{self.name}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def played() -> Iterator[Played]:
    registry = Played()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


MANIFESTS = "/v2/team/x/manifests/1"


async def test_token_authentication(played: Played, registry: Registry, ask: Ask) -> None:
    """The way of Docker Hub: the registry says where tokens are, the account goes there, the token comes back."""
    digest, _ = registry.image("team/x")
    manifest = registry.http.get("team/x/manifests/1", headers={"Accept": MANIFEST}).content
    blob = json.loads(manifest)["config"]["digest"]
    challenge = f'Bearer realm="{played.allowed}/token",service="tests",scope="whatever"'
    played.answers = {
        MANIFESTS: (401, {"WWW-Authenticate": challenge}, b""),
        MANIFESTS + "+token": (200, {"Content-Type": MANIFEST}, manifest),
        f"/v2/team/x/blobs/{blob}": (200, {}, registry.http.get(f"team/x/blobs/{blob}").content),
        "/token": (200, {}, b'{"access_token": "good"}'),
    }
    found = await ask(f"{played.name}/team/x:1", played.allowed, credentials=Credentials("me", "pw"))
    assert found["digest"] == digest
    (asked,) = [(path, sent) for path, sent in played.seen if path.startswith("/token")]
    assert asked == ("/token?scope=repository:team/x:pull&service=tests", Credentials("me", "pw").basic)


@pytest.mark.parametrize(
    ("headers", "seconds"), [({"Retry-After": "120"}, 120), ({"ratelimit-limit": "100;w=21600"}, 21600), ({}, None)]
)
async def test_a_limit_of_the_rate_says_when_to_try_again(
    played: Played, ask: Ask, headers: dict[str, str], seconds: float | None
) -> None:
    played.answers[MANIFESTS] = (429, headers, b"toomanyrequests")
    why = await problem(ask(f"{played.name}/team/x:1", played.allowed))
    assert why.status == "rate_limited"
    expected = None if seconds is None else pytest.approx(time.time() + seconds, abs=60)
    assert why.try_again_at == expected


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((200, {"Content-Type": MANIFEST}, b"{" + b" " * 5_000_000 + b"}"), "unreachable"),
        ((200, {"Content-Type": MANIFEST}, b"not json"), "not_an_image"),
        ((200, {"Content-Type": "text/html"}, b"{}"), "not_an_image"),
        ((500, {}, b""), "unreachable"),
        ((401, {"WWW-Authenticate": "Negotiate"}, b""), "unreachable"),
        ((401, {"WWW-Authenticate": "Bearer"}, b""), "refused"),
    ],
)
async def test_a_registry_gone_wrong(
    played: Played, ask: Ask, answer: tuple[int, dict[str, str], bytes], status: str
) -> None:
    played.answers[MANIFESTS] = answer
    assert (await problem(ask(f"{played.name}/team/x:1", played.allowed))).status == status


async def test_a_blob_that_is_not_what_its_digest_says(played: Played, ask: Ask) -> None:
    config = {"mediaType": CONFIG, "digest": "sha256:" + "0" * 64, "size": 2}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}).encode()
    played.answers[MANIFESTS] = (200, {}, manifest)
    played.answers[f"/v2/team/x/blobs/{config['digest']}"] = (200, {}, b"{}")
    assert "something other" in (await problem(ask(f"{played.name}/team/x:1", played.allowed))).message


# -- nothing inside can be reached ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:{port}",
        "localhost:{port}",
        "2130706433:{port}",
        "0x7f000001:{port}",
        "127.1:{port}",
        "0.0.0.0:{port}",
        "[::1]:{port}",
        "[::ffff:127.0.0.1]:{port}",
        "[64:ff9b::7f00:1]:{port}",
        "169.254.169.254",
        "10.0.0.1",
        "100.100.100.200",
        "metadata.google.internal",
    ],
)
async def test_no_name_leads_inside(played: Played, ask: Ask, host: str) -> None:
    name = host.format(port=played.server.server_port)
    # Were it allowed to be plain, it would still be inside.
    why = await problem(ask(f"{name}/team/x:1", "http://elsewhere.example"))
    assert why.status in ("refused", "unreachable"), why.message
    assert why.status == "refused" or name == "metadata.google.internal"
    assert played.seen == []


@pytest.mark.parametrize("way", ["redirect", "realm", "blob"])
async def test_an_allowed_registry_leads_nobody_elsewhere(played: Played, ask: Ask, way: str) -> None:
    inside = Played()
    target = f"http://127.0.0.1:{inside.server.server_port}/inside"
    redirect = (307, {"Location": target}, b"")
    if way == "redirect":
        played.answers[MANIFESTS] = redirect
    elif way == "realm":
        played.answers[MANIFESTS] = (401, {"WWW-Authenticate": f'Bearer realm="{target}"'}, b"")
    else:
        config = {"mediaType": CONFIG, "digest": "sha256:" + "0" * 64, "size": 2}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": []}
        played.answers[MANIFESTS] = (200, {}, json.dumps(document).encode())
        played.answers[f"/v2/team/x/blobs/{config['digest']}"] = redirect
    try:
        why = await problem(ask(f"{played.name}/team/x:1", played.allowed, credentials=Credentials("me", "pw")))
        assert why.status == "refused"
        assert inside.seen == []
    finally:
        inside.server.shutdown()
        inside.server.server_close()


async def test_a_name_that_changes_its_meaning(monkeypatch: pytest.MonkeyPatch, played: Played, ask: Ask) -> None:
    """DNS rebinding: public when it is looked up first, inside when it is looked up again."""
    import socket

    port = played.server.server_port
    answers = iter(["93.184.216.34", *["127.0.0.1"] * 20])

    async def lookup(host: str, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    guard = Guard()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    # The second answer is checked as the first was; what is connected to is what was checked.
    assert [str(a) for a in await guard.addresses("rebind.example", port)] == ["93.184.216.34"]
    why = await problem(ask(f"rebind.example:{port}/team/x:1"))
    assert why.status == "refused" and played.seen == []


async def test_the_account_does_not_follow_to_another_host(played: Played, ask: Ask) -> None:
    storage = Played()
    challenge = 'Basic realm="x"'
    played.answers[MANIFESTS] = (401, {"WWW-Authenticate": challenge}, b"")
    outbound = Outbound(Guard([played.allowed, storage.allowed]))
    played.answers["/there"] = (307, {"Location": f"{storage.allowed}/blob"}, b"")
    storage.answers["/blob"] = (200, {}, b"x")
    try:
        headers = {"Authorization": "Basic secret"}
        answer = await outbound.request("GET", f"{played.allowed}/there", headers=headers)
        assert answer.body == b"x"
        assert storage.seen == [("/blob", None)]
    finally:
        await outbound.close()
        storage.server.shutdown()
        storage.server.server_close()
