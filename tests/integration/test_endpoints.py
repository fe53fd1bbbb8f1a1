"""Ports of jobs: by path for programs, by a host of their own for people, WebSockets, and what must not leak."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.integration.harness import PREFIX, ServiceProcess, User, eventually

SERVER = """
import json, sys
from tornado import ioloop, web, websocket

class Echo(web.RequestHandler):
    def compute_etag(self): return None
    def reply(self):
        self.add_header("Set-Cookie", "mine=1; Domain=localhost; Path=/")
        self.add_header("Set-Cookie", "other=2; HttpOnly")
        self.finish(json.dumps({"method": self.request.method, "uri": self.request.uri,
            "headers": dict(self.request.headers), "body": self.request.body.decode("latin-1")[:100],
            "length": len(self.request.body)}))
    get = post = put = delete = patch = reply
    def head(self): self.finish()

class Big(web.RequestHandler):
    async def get(self):
        for _ in range(64):
            self.write(b"x" * 2**20)
            await self.flush()

class Socket(websocket.WebSocketHandler):
    def check_origin(self, origin): return True
    def open(self): self.write_message("cookies: " + self.request.headers.get("Cookie", "none"))
    def on_message(self, message): self.write_message(message[::-1], binary=isinstance(message, bytes))

app = web.Application([("/ws", Socket), ("/big", Big), (".*", Echo)])
app.listen(8080, "0.0.0.0", max_buffer_size=2**30)
print("listening", flush=True)
ioloop.IOLoop.current().start()
"""


def serve(user: User, **fields: Any) -> str:
    job_id = user.code(SERVER, ports=[8080, 9090], machine="small", **fields)
    eventually("it listens", lambda: "listening" in user.lines(job_id))
    return job_id


@pytest.fixture(scope="module")
def served(alice: User) -> Any:
    job_id = serve(alice)
    yield job_id
    alice.post(f"/jobs/{job_id}/stop")


def base(user: User, job_id: str, port: int = 8080) -> str:
    return f"http://127.0.0.1:{user.service.port}{PREFIX}endpoints/{job_id}/{port}"


def test_a_program_calls_with_its_token_which_stays_outside(alice: User, served: str) -> None:
    answer = alice.http.post(
        f"{base(alice, served)}/predict?a=1&b=%2F", content=b"\x00\x01data", headers={"Cookie": "x=1", "X-Own": "yes"}
    )
    seen = answer.json()
    assert answer.status_code == 200
    assert (seen["method"], seen["uri"], seen["length"]) == ("POST", "/predict?a=1&b=%2F", 6)
    assert seen["headers"]["X-Own"] == "yes"
    assert "Authorization" not in seen["headers"]
    assert "Cookie" not in seen["headers"]
    assert seen["headers"]["X-Forwarded-Prefix"] == f"{PREFIX}endpoints/{served}/8080"
    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert "Set-Cookie" not in answer.headers, "cookies of the Hub's host are the Hub's"


def test_who_may_not(alice: User, bob: User, served: str) -> None:
    assert httpx.get(f"{base(alice, served)}/").status_code == 401
    assert bob.http.get(f"{base(alice, served)}/").status_code == 404
    assert alice.http.get(f"{base(alice, served, 8081)}/").status_code == 404, "not declared"
    waiting = alice.http.get(f"{base(alice, served, 9090)}/")
    assert waiting.status_code == 503
    assert "9090" in waiting.json()["message"]


def test_large_bodies_stream_both_ways(alice: User, served: str) -> None:
    with alice.http.stream("GET", f"{base(alice, served)}/big") as answer:
        assert sum(len(block) for block in answer.iter_bytes()) == 64 * 2**20

    def body() -> Any:
        for _ in range(32):
            yield b"y" * 2**20

    assert alice.http.post(f"{base(alice, served)}/", content=body()).json()["length"] == 32 * 2**20


def test_a_client_that_goes_away_is_no_fault(alice: User, served: str, service: ServiceProcess) -> None:
    began = len(service.log)
    with httpx.Client(headers=alice.http.headers) as away, away.stream("GET", f"{base(alice, served)}/big") as answer:
        _, port = answer.extensions["network_stream"].get_extra_info("client_addr")
        assert service.connected(port)
        assert next(answer.iter_bytes())
    eventually("the service has closed it too", lambda: not service.connected(port))
    alice.get("/health")
    assert service.log[began:] == ""


async def test_websockets_by_path(alice: User, served: str) -> None:
    import websockets

    url = base(alice, served).replace("http", "ws") + "/ws"
    async with websockets.connect(url, additional_headers={"Authorization": "token alice-token"}) as socket:
        assert await socket.recv() == "cookies: none"
        await socket.send("abc")
        assert await socket.recv() == "cba"
        await socket.send(b"\x00" * 2**19)
        assert len(await socket.recv()) == 2**19


def test_an_ended_job_says_so(alice: User) -> None:
    job_id = alice.run("true", ports=[8080])["id"]
    answer = alice.http.get(f"{base(alice, job_id)}/")
    assert answer.status_code == 410
    assert "ended" in answer.json()["message"]


class Browser:
    """Enough of one: cookies by host, redirects by hand, every *.localhost is this machine."""

    def __init__(self, service: ServiceProcess) -> None:
        self.service = service
        self.cookies: dict[str, dict[str, str]] = {}

    def get(self, url: str, **headers: str) -> httpx.Response:
        parts = httpx.URL(url)
        host = parts.host
        sent = {"Host": f"{host}:{parts.port}", "Accept": "text/html", **headers}
        if self.cookies.get(host):
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies[host].items())
        answer = httpx.get(parts.copy_with(host="127.0.0.1"), headers=sent, follow_redirects=False, timeout=20)
        for value in answer.headers.get_list("set-cookie"):
            name, _, rest = value.partition("=")
            self.cookies.setdefault(host, {})[name] = rest.partition(";")[0]
        return answer

    def follow(self, url: str, hops: int = 12) -> httpx.Response:
        for _ in range(hops):
            answer = self.get(url)
            if answer.status_code not in (301, 302, 303, 307):
                return answer
            url = str(httpx.URL(url).join(answer.headers["Location"]))
        raise AssertionError(f"redirected without end, last to {url}")

    def log_in(self, name: str) -> None:
        hub = f"http://127.0.0.1:{self.service.hub.port}"
        # The Hub answers by itself before its proxy knows it.
        eventually("the login page", lambda: "_xsrf" in self.get(f"{hub}/hub/login").headers.get("Set-Cookie", ""))
        cookies = self.cookies["127.0.0.1"]
        answer = httpx.post(
            f"{hub}/hub/login",
            data={"username": name, "password": "tests", "_xsrf": cookies["_xsrf"]},
            cookies=cookies,
            follow_redirects=False,
        )
        assert answer.status_code == 302, answer.text
        for value in answer.headers.get_list("set-cookie"):
            key, _, rest = value.partition("=")
            cookies[key] = rest.partition(";")[0]


def port_url(user: User, job_id: str) -> str:
    return str(user.job(job_id)["ports"][0]["url"])


def test_a_person_enters_by_the_ports_own_host(service: ServiceProcess, alice: User, served: str) -> None:
    url = port_url(alice, served)
    assert url == f"http://{served}-8080.localhost:{service.port + 1}/"
    browser = Browser(service)
    browser.log_in("alice")
    seen = browser.follow(f"{url}deep/page?x=1").json()
    assert seen["uri"] == "/deep/page?x=1"
    host = httpx.URL(url).host
    assert "outrider-endpoint" not in seen["headers"].get("Cookie", "")
    assert set(browser.cookies[host]) >= {"outrider-endpoint"}
    assert not any("jupyterhub" in name or "service-" in name for name in browser.cookies[host])
    again = browser.get(url)
    assert again.status_code == 200, "the cookie lets in without another round"
    assert "outrider-endpoint" not in again.json()["headers"].get("Cookie", "")
    assert "mine=1" in again.json()["headers"]["Cookie"], "the program's own cookies come back to it"


def test_a_stranger_and_a_used_ticket_are_turned_away(service: ServiceProcess, alice: User, served: str) -> None:
    url = port_url(alice, served)
    stranger = Browser(service)
    stranger.log_in("bob")
    assert stranger.follow(url).status_code == 404
    anonymous = Browser(service)
    assert "login" in str(anonymous.follow(url).url)
    owner = Browser(service)
    owner.log_in("alice")
    at_hub = owner.get(owner.get(url).headers["Location"])
    while "ticket=" not in at_hub.headers["Location"]:
        at_hub = owner.get(str(at_hub.url.copy_with(host="127.0.0.1").join(at_hub.headers["Location"])))
    entrance = at_hub.headers["Location"]
    assert Browser(service).get(entrance).status_code == 302
    thief = Browser(service)
    thief.get(entrance)
    assert "outrider-endpoint" not in thief.cookies.get(httpx.URL(url).host, {}), "a ticket opens once"


def test_the_cookie_of_one_port_opens_no_other(service: ServiceProcess, alice: User, served: str) -> None:
    other = serve(alice)
    browser = Browser(service)
    browser.log_in("alice")
    browser.follow(port_url(alice, served))
    word = browser.cookies[httpx.URL(port_url(alice, served)).host]["outrider-endpoint"]
    fresh = Browser(service)
    fresh.cookies[httpx.URL(port_url(alice, other)).host] = {"outrider-endpoint": word}
    assert fresh.get(port_url(alice, other)).status_code == 302
    alice.post(f"/jobs/{other}/stop")


def test_a_public_port_needs_no_login_and_keeps_the_callers_authorization(service: ServiceProcess, alice: User) -> None:
    job_id = serve(alice, public=True)
    browser = Browser(service)
    answer = browser.get(port_url(alice, job_id), Authorization="Bearer their-own")
    assert answer.status_code == 200
    assert answer.json()["headers"]["Authorization"] == "Bearer their-own"
    alice.post(f"/jobs/{job_id}/stop")


def test_hosts_that_are_no_ports(service: ServiceProcess, served: str) -> None:
    for host in ("localhost", f"{served}-22.localhost", f"{served}-8080.evil.example", "x"):
        answer = httpx.get(f"http://127.0.0.1:{service.port + 1}/", headers={"Host": f"{host}:{service.port + 1}"})
        assert answer.status_code == 404, host


async def test_websockets_by_host(service: ServiceProcess, alice: User, served: str) -> None:
    import websockets

    browser = Browser(service)
    browser.log_in("alice")
    url = port_url(alice, served)
    await asyncio.to_thread(browser.follow, url)
    host = httpx.URL(url).host
    cookies = "; ".join(f"{k}={v}" for k, v in browser.cookies[host].items())
    async with websockets.connect(
        f"ws://{host}:{service.port + 1}/ws",
        host="127.0.0.1",
        port=service.port + 1,
        additional_headers={"Cookie": cookies},
    ) as socket:
        greeting = await socket.recv()
        assert "outrider-endpoint" not in str(greeting)
        await socket.send("hello")
        assert await socket.recv() == "olleh"
