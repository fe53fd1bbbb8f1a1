"""Programs and pages that attack whoever calls them: other users, the Hub's origin, the proxies in front."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.integration.harness import PREFIX, ServiceProcess, User, eventually
from tests.integration.test_endpoints import Browser, port_url

ROGUE = r"""
import socket, sys, threading
server = socket.create_server(("0.0.0.0", 8080), backlog=50)
print("listening", flush=True)
ANSWER = (
    b"HTTP/1.1 %s\r\nContent-Length: 5\r\nConnection: keep-alive\r\n"
    b"Set-Cookie: jupyterhub-session-id=mine; Path=/\r\nClear-Site-Data: \"*\"\r\nNEL: {}\r\nReport-To: {}\r\n"
    b"Strict-Transport-Security: max-age=99999999\r\nService-Worker-Allowed: /\r\nX-Own: kept\r\n\r\nrogue"
)
def serve(client):
    asked = 0
    while data := client.recv(65536):
        asked += 1
        head = data.split(b"\r\n")[0].decode("latin-1")
        print(f"request {asked} of this connection: {head}", "token" in data.decode("latin-1"), flush=True)
        if b"/accept" in data:
            client.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           b"Set-Cookie: jupyterhub-session-id=mine; Path=/\r\nSec-WebSocket-Accept: x\r\n\r\nhello")
            continue
        status = b"403 No" if b"/refuse" in data else b"101 Odd" if b"/odd" in data else b"200 OK"
        client.sendall(ANSWER % status)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
UPGRADE = "Upgrade: websocket\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13\r\n"


@pytest.fixture(scope="module")
def rogue(alice: User) -> Any:
    job_id = alice.code(ROGUE, ports=[8080], machine="small")
    eventually("it listens", lambda: "listening" in alice.lines(job_id))
    yield job_id
    alice.post(f"/jobs/{job_id}/stop")


def path_of(job_id: str) -> str:
    return f"{PREFIX}endpoints/{job_id}/8080"


def send(port: int, request: str) -> bytes:
    """One request as written here; what comes back within a moment, or up to the end."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(request.encode("latin-1"))
        answer = b""
        while b"\r\n\r\n" not in answer and (block := connection.recv(65536)):
            answer += block
        return answer


def _proxied(hub: int) -> bool:
    answer = httpx.get(f"http://127.0.0.1:{hub}{PREFIX}api/v1/health", timeout=20)
    return answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("connection", ["Connection: Upgrade\r\n", "Connection: keep-alive\r\n", ""])
def test_a_program_never_holds_a_connection_that_others_use(
    service: ServiceProcess, alice: User, bob: User, rogue: str, connection: str
) -> None:
    """The Hub's proxy keeps its connections to the service: after a WebSocket that the program answered with an
    ordinary success, the next user's request must not be the program's to read."""
    hub = service.hub.port
    eventually("the proxy knows the service", lambda: _proxied(hub))
    request = f"GET {path_of(rogue)}/ HTTP/1.1\r\nHost: 127.0.0.1:{hub}\r\nAuthorization: token alice-token\r\n"
    send(hub, request + UPGRADE + connection + "\r\n")
    for _ in range(5):
        answer = httpx.get(
            f"http://127.0.0.1:{hub}{PREFIX}api/v1/me", headers={"Authorization": f"token {bob.token}"}, timeout=20
        )
        assert answer.json()["name"] == "bob"
    assert not [line for line in alice.lines(rogue) if "/api/" in line or line.endswith("True")]


def test_a_handshake_that_the_program_refuses(service: ServiceProcess, rogue: str) -> None:
    request = f"GET {path_of(rogue)}/refuse HTTP/1.1\r\nHost: x\r\nAuthorization: token alice-token\r\n"
    answer = send(service.port, f"{request}Connection: Upgrade\r\n{UPGRADE}\r\n")
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"rogue" not in answer


def test_an_accepted_handshake_sets_no_cookie_of_the_hubs(service: ServiceProcess, rogue: str) -> None:
    request = f"GET {path_of(rogue)}/accept HTTP/1.1\r\nHost: x\r\nAuthorization: token alice-token\r\n"
    answer = send(service.port, f"{request}Connection: Upgrade\r\n{UPGRADE}\r\n")
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-accept" in answer.lower()
    assert b"cookie" not in answer.lower()


def test_an_answer_by_path_says_nothing_about_the_hubs_origin(service: ServiceProcess, alice: User, rogue: str) -> None:
    answer = alice.http.get(f"http://127.0.0.1:{service.port}{path_of(rogue)}/")
    assert (answer.text, answer.headers["X-Own"]) == ("rogue", "kept")
    forbidden = {"set-cookie", "clear-site-data", "nel", "report-to", "strict-transport-security"}
    assert not forbidden & set(answer.headers.keys())
    assert "service-worker-allowed" not in answer.headers


def test_an_answer_that_is_none(service: ServiceProcess, alice: User, rogue: str) -> None:
    answer = alice.http.get(f"http://127.0.0.1:{service.port}{path_of(rogue)}/odd")
    assert answer.status_code == 502


ECHO = r"""
import socket, threading, urllib.parse
server = socket.create_server(("0.0.0.0", 8080), backlog=50)
print("listening", flush=True)
def serve(client):
    client.sendall(urllib.parse.unquote_to_bytes(client.recv(65536).split(b" ")[1].partition(b"?")[2]))
    client.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""
WELL = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Own: {}\r\n\r\nok"


@pytest.fixture(scope="module")
def echo(alice: User) -> Any:
    """A program that answers with the bytes that it is asked for."""
    job_id = alice.code(ECHO, ports=[8080], machine="small")
    eventually("it listens", lambda: "listening" in alice.lines(job_id))
    yield job_id
    alice.post(f"/jobs/{job_id}/stop")


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (WELL.format("é€"), 200),
        (WELL.format("x" * 9000), 200),
        (WELL.format("a\nSet-Cookie: x=1"), 200),
        (WELL.format("a\rSet-Cookie: x=1"), 502),
        (WELL.format("a\0b"), 502),
        ("HTTP/1.1 200 Ökäy\r\nContent-Length: 2\r\n\r\nok", 200),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 30\r\n\r\nok", 502),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 502),
        ("HTTP/1.1 204 No\r\nContent-Length: 2\r\n\r\nok", 502),
        ("HTTP/1.1 099 No\r\nContent-Length: 2\r\n\r\nok", 502),
        ("hello", 502),
        ("", 503),
    ],
)
def test_answers_by_bytes(service: ServiceProcess, alice: User, bob: User, echo: str, raw: str, status: int) -> None:
    hub = service.hub.port
    eventually("the proxy knows the service", lambda: _proxied(hub))
    for port in (service.port, hub):
        answer = alice.http.get(f"http://127.0.0.1:{port}{path_of(echo)}/?{quote(raw)}")
        assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)
        after = bob.http.get(f"http://127.0.0.1:{port}{PREFIX}api/v1/me")
        assert after.json()["name"] == "bob"
    assert "ValueError" not in service.log


def test_a_browsers_login_does_not_open_the_path(service: ServiceProcess, rogue: str) -> None:
    """By path a job answers on the Hub's origin, where no page of a user's program belongs."""
    hub = service.hub.port
    eventually("the proxy knows the service", lambda: _proxied(hub))
    browser = Browser(service)
    browser.log_in("alice")
    assert browser.follow(f"http://127.0.0.1:{hub}{PREFIX}").status_code == 200
    assert browser.get(f"http://127.0.0.1:{hub}{PREFIX}api/v1/me").status_code == 200
    assert browser.get(f"http://127.0.0.1:{hub}{path_of(rogue)}/").status_code == 401


@pytest.fixture
def admitted(service: ServiceProcess, alice: User, rogue: str) -> Browser:
    browser = Browser(service)
    browser.log_in("alice")
    assert browser.follow(port_url(alice, rogue)).text == "rogue"
    return browser


FOREIGN = [
    {"Origin": "http://jzzzzzzzzzzzz-8080.localhost:1"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "websocket"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_another_jobs_page_cannot_use_the_cookie(
    admitted: Browser, alice: User, rogue: str, headers: dict[str, str]
) -> None:
    url = port_url(alice, rogue)
    before = len(alice.lines(rogue))
    assert admitted.get(url, **headers).status_code == 403
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": "x"}
    assert admitted.get(url, **headers, **upgrade).status_code == 403
    assert len(alice.lines(rogue)) == before, "the program never heard of it"


def test_its_own_pages_and_links_can(admitted: Browser, alice: User, rogue: str) -> None:
    url = port_url(alice, rogue)
    origin = url.rstrip("/")
    for headers in (
        {"Origin": origin, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ):
        assert admitted.get(url, **headers).status_code == 200


@pytest.mark.parametrize("target", [r"/\evil.example", "//evil.example", r"\\evil.example", "/\\/evil.example"])
def test_the_way_in_leads_nowhere_else(service: ServiceProcess, rogue: str, target: str) -> None:
    entered = httpx.get(
        f"http://127.0.0.1:{service.port}{PREFIX}enter/{rogue}/8080",
        params={"next": target},
        headers={"Authorization": "token alice-token"},
    )
    # Also where the ticket's own address was changed on the way.
    url = httpx.URL(entered.headers["Location"]).copy_merge_params({"next": target})
    host = f"{url.host}:{url.port}"
    answer = httpx.get(url.copy_with(host="127.0.0.1"), headers={"Host": host})
    assert answer.headers["Location"] == "/evil.example"


@pytest.mark.parametrize("ticket", ["x.é", "é.x", "x", ""])
def test_a_ticket_that_is_none(service: ServiceProcess, rogue: str, ticket: str) -> None:
    headers = {"Host": f"{rogue}-8080.localhost:{service.port + 1}"}
    apps = f"http://127.0.0.1:{service.port + 1}"
    entered = httpx.get(f"{apps}/.outrider/enter", params={"ticket": ticket}, headers=headers)
    assert entered.status_code == 302
    cookie = {"Cookie": f"outrider-endpoint={ticket}".encode()}
    assert httpx.get(apps, headers={k: v.encode() for k, v in headers.items()} | cookie).status_code == 302  # type: ignore[arg-type]


def test_a_target_that_is_an_address_of_its_own(service: ServiceProcess, alice: User) -> None:
    job_id = alice.code(ROGUE, ports=[8080], machine="small", public=True)
    eventually("it listens", lambda: "listening" in alice.lines(job_id))
    host = f"{job_id}-8080.localhost:{service.port + 1}"
    for target in ("@127.0.0.1:1/", "http://127.0.0.1:1/", ":80@127.0.0.1/"):
        answer = send(service.port + 1, f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 400 "), target
    alice.post(f"/jobs/{job_id}/stop")


def test_a_program_that_never_says_continue(alice: User, service: ServiceProcess) -> None:
    """As of many small servers: curl waits for it before it sends a large body."""
    source = (
        "import http.server\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "  def handle_expect_100(self): return True\n"
        "  def do_POST(self):\n"
        "    size = len(self.rfile.read(int(self.headers['Content-Length'])))\n"
        "    self.send_response(200); self.end_headers(); self.wfile.write(str(size).encode())\n"
        "print('listening', flush=True)\n"
        "http.server.HTTPServer(('0.0.0.0', 8080), H).serve_forever()\n"
    )
    job_id = alice.code(source, ports=[8080], machine="small")
    eventually("it listens", lambda: "listening" in alice.lines(job_id))
    url = f"http://127.0.0.1:{service.port}{path_of(job_id)}/"
    answer = eventually(
        "it answers",
        lambda: (
            (a := alice.http.post(url, content=b"x" * 3000, headers={"Expect": "100-continue"})).status_code == 200
            and a
        ),
    )
    assert answer.text == "3000"
    alice.post(f"/jobs/{job_id}/stop")
