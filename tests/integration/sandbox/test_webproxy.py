"""The proxy for web access, as clients, servers and hostile programs meet it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from outrider_sandbox import CLOSED_NETWORKS, Web, webproxy
from outrider_sandbox.reach import Reach
from outrider_sandbox.webproxy import Limits

from .conftest import until

PATIENCE_S = 20
Serve = Callable[[socket.socket], None]


class Server:
    """Something on the loopback that serves each connection by a function in a thread of its own."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE_S)
            try:
                self._serve(connection)
            except OSError:
                pass


@pytest.fixture
def server() -> Iterator[Callable[[Serve], Server]]:
    with ExitStack() as stack:

        def make(serve: Serve) -> Server:
            made = Server(serve)
            stack.callback(made.socket.close)
            return made

        yield make


DEFAULT = Limits()


@contextmanager
def proxy(
    *hosts: str, limits: Limits = DEFAULT, closed: tuple[str, ...] = CLOSED_NETWORKS, **web: str
) -> Iterator[int]:
    """The port of a proxy that may reach these hosts, wherever they are."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    started, loop = threading.Event(), asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with await webproxy.start(listener, Reach(Web(list(hosts), **web), closed), limits):
            started.set()
            await over.wait()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield listener.getsockname()[1]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)


def read_head(connection: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"\r\n\r\n"):
        if not (byte := connection.recv(1)):
            return found
        found += byte
    return found


def read_all(connection: socket.socket) -> bytes:
    found = b""
    try:
        while data := connection.recv(1 << 16):
            found += data
    except ConnectionResetError:
        pass
    return found


def ask(port: int, request: bytes) -> bytes:
    """The whole answer."""
    with connect(port) as connection:
        connection.sendall(request)
        return read_all(connection)


def tunnel(port: int, place: str) -> socket.socket:
    connection = connect(port)
    connection.sendall(f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n\r\n".encode())
    assert read_head(connection).startswith(b"HTTP/1.1 200 "), place
    return connection


def echo(connection: socket.socket) -> None:
    while data := connection.recv(1 << 16):
        connection.sendall(data)
    connection.shutdown(socket.SHUT_WR)


def test_a_tunnel_carries_megabytes_both_ways_and_each_end(server: Any) -> None:
    far = server(echo)
    data = bytes(range(256)) * 20_000
    with proxy(far.place) as port, tunnel(port, far.place) as connection:

        def send() -> None:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        assert read_all(connection) == data
        sender.join()


def test_a_plain_request_arrives_as_the_server_expects_it_and_nothing_after_its_body(server: Any) -> None:
    seen: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        seen.append(read_head(connection) + connection.recv(5))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        connection.shutdown(socket.SHUT_WR)
        seen.append(read_all(connection))

    far = server(serve)
    head = f"POST http://{far.place}/x?y=1 HTTP/1.1\r\nProxy-Connection: keep-alive\r\nContent-Length: 5\r\n\r\n"
    with proxy(far.place) as port:
        assert ask(port, head.encode() + b"hello" + b"GET http://other/ HTTP/1.1\r\n\r\n").endswith(b"\r\n\r\nok")
        until(lambda: len(seen) == 2, "the server saw the end")
    place = far.place.encode()
    assert seen[0].startswith(b"POST /x?y=1 HTTP/1.1\r\nhost: " + place + b"\r\n")
    assert seen[0].endswith(b"Connection: close\r\n\r\nhello")
    assert b"proxy-connection" not in seen[0].lower()
    assert seen[1] == b""


def own_address() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@pytest.mark.parametrize("form", ["CONNECT {}:PORT HTTP/1.1\r\n\r\n", "GET http://{}:PORT/ HTTP/1.1\r\n\r\n"])
def test_what_sandboxes_are_kept_from_is_refused_however_it_is_written(server: Any, form: str) -> None:
    far = server(echo)
    hosts = ["127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "0.0.0.0", "0"]
    hosts += ["[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"]
    hosts += ["169.254.169.254", "2852039166", "[::ffff:169.254.169.254]", "[fe80::1]", "[fd00:ec2::254]"]
    hosts += ["224.0.0.1", "255.255.255.255", "100.100.100.200", own_address(), f"[::ffff:{own_address()}]"]
    with proxy() as port:
        answers = {host: ask(port, form.format(host).replace("PORT", str(far.port)).encode()) for host in hosts}
    assert {host: answer[:12] for host, answer in answers.items()} == dict.fromkeys(hosts, b"HTTP/1.1 403")
    assert b"The administrator can allow it by name." in answers["127.1"]
    assert far.connections == 0


def test_networks_that_the_operator_closes(server: Any) -> None:
    with proxy(closed=("192.0.2.0/24",)) as port:
        assert ask(port, b"CONNECT 192.0.2.7:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 403 ")


def test_a_name_is_asked_for_once_and_what_was_checked_is_connected_to(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name of the attacker's own may mean the world at the first look and this machine at the second."""
    far = server(echo)
    asked: list[str] = []
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "rebinding.example":
            return real(host, port, *rest, **more)
        asked.append(host)
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with proxy(limits=Limits(connect_s=0.5)) as port:
        answer = ask(port, f"CONNECT rebinding.example:{far.port} HTTP/1.1\r\n\r\n".encode())
    assert answer[:10] == b"HTTP/1.1 5"
    assert (len(asked), far.connections) == (1, 0)


def test_a_name_that_means_both_here_and_outside_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def look_up(host: Any, port: Any, *rest: Any, **more: Any) -> Any:
        if host != "both.example":
            return real(host, port, *rest, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("198.51.100.1", "127.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with proxy() as port:
        assert ask(port, b"CONNECT both.example:80 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 403 ")


def test_a_name_that_nobody_has_and_a_server_that_takes_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        place = f"127.0.0.1:{gone.getsockname()[1]}"
    with proxy(place) as port:
        nobody = ask(port, b"CONNECT nobody.invalid:443 HTTP/1.1\r\n\r\n")
        assert nobody.startswith(b"HTTP/1.1 502 ") and b"nobody.invalid was not found" in nobody
        assert b"400" in ask(port, f"CONNECT {'a' * 300}.example:443 HTTP/1.1\r\n\r\n".encode())[:12]
        assert ask(port, f"CONNECT {place} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 502 ")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x00\x05hello\r\n\r\n", b"400"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET http://x/ HTTP/1.1\r\nA: " + b"a" * 40_000, b"431"),
        (b"CONNECT unfinished", b"408"),
    ],
)
def test_garbage_is_answered_and_harms_nobody_else(server: Any, sent: bytes, status: bytes) -> None:
    far = server(echo)
    with proxy(far.place, limits=Limits(head_s=0.3)) as port:
        assert ask(port, sent).split(b" ")[1] == status
        with connect(port) as leaving:
            leaving.sendall(sent[:7])
        with tunnel(port, far.place) as connection:
            connection.sendall(b"still here")
            assert connection.recv(100) == b"still here"


def test_more_connections_than_there_may_be(server: Any) -> None:
    far = server(echo)
    with proxy(far.place, limits=Limits(connections=2)) as port:
        with tunnel(port, far.place), tunnel(port, far.place):
            assert ask(port, b"").startswith(b"HTTP/1.1 503 ")

        def room() -> bool:
            with connect(port) as again:
                again.sendall(f"CONNECT {far.place} HTTP/1.1\r\n\r\n".encode())
                return read_head(again).startswith(b"HTTP/1.1 200 ")

        until(room, "room again")


def test_a_silent_tunnel_ends(server: Any) -> None:
    far = server(echo)
    with proxy(far.place, limits=Limits(idle_s=0.3)) as port, tunnel(port, far.place) as connection:
        connection.sendall(b"x")
        assert read_all(connection) == b"x"


def test_a_client_that_is_gone_is_told_to_the_server(server: Any) -> None:
    ended = threading.Event()

    def serve(connection: socket.socket) -> None:
        read_all(connection)
        ended.set()

    far = server(serve)
    with proxy(far.place) as port:
        tunnel(port, far.place).close()
        assert ended.wait(PATIENCE_S)


def test_what_a_client_does_not_take_is_not_kept_in_memory(server: Any) -> None:
    sent: list[int] = []

    def pour(connection: socket.socket) -> None:
        connection.settimeout(1)
        amount = 0
        try:
            while amount < 1 << 28:
                amount += connection.send(bytes(1 << 16))
        finally:
            sent.append(amount)

    far = server(pour)
    with proxy(far.place) as port, tunnel(port, far.place):
        until(lambda: sent, "the server could send no more")
    assert sent[0] < 1 << 26, "the rest waits at the server"


class TestBehindAnotherProxy:
    """A company's network: outside is reached through its proxy only."""

    @pytest.fixture
    def seen(self) -> list[bytes]:
        return []

    @pytest.fixture
    def other(self, server: Any, seen: list[bytes]) -> Server:
        """A proxy that answers everything itself, so that the test sees what it is asked."""

        def serve(connection: socket.socket) -> None:
            seen.append(read_head(connection))
            if b"refused.example" in seen[-1]:
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            elif b"silent.example" in seen[-1]:
                connection.recv(1)
            elif seen[-1].startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nVia: other\r\n\r\n")
                echo(connection)
            else:
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nby the other")

        made: Server = server(serve)
        return made

    def behind(self, other: Server, no_proxy: str = "", hosts: tuple[str, ...] = ()) -> Any:
        address = f"http://me:p%40ss@{other.place}"
        return proxy(*hosts, limits=Limits(connect_s=3), http_proxy=address, https_proxy=address, no_proxy=no_proxy)

    def test_tunnels_and_plain_requests_go_through_it(self, other: Server, seen: list[bytes]) -> None:
        with self.behind(other) as port:
            with tunnel(port, "only-known-there.invalid:443") as connection:
                connection.sendall(b"hello")
                assert connection.recv(100) == b"hello"
            assert ask(port, b"GET http://only-known-there.invalid/x HTTP/1.1\r\n\r\n").endswith(b"by the other")
        assert seen[0].startswith(b"CONNECT only-known-there.invalid:443 HTTP/1.1\r\n")
        assert seen[1].startswith(b"GET http://only-known-there.invalid:80/x HTTP/1.1\r\n")
        assert all(b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n" in head for head in seen)

    def test_what_is_closed_here_stays_closed(self, other: Server) -> None:
        with self.behind(other) as port:
            for place in ("169.254.169.254:80", "127.0.0.1:22", "localhost:22"):
                assert ask(port, f"CONNECT {place} HTTP/1.1\r\n\r\n".encode()).startswith(b"HTTP/1.1 403 ")
        assert other.connections == 0

    def test_hosts_of_no_proxy_are_reached_directly(self, other: Server, server: Any) -> None:
        far = server(echo)
        with self.behind(other, no_proxy="127.0.0.1", hosts=(far.place,)) as port, tunnel(port, far.place):
            pass
        assert (far.connections, other.connections) == (1, 0)

    def test_its_refusal_and_its_silence_are_told(self, other: Server) -> None:
        with self.behind(other) as port:
            refused = ask(port, b"CONNECT refused.example:443 HTTP/1.1\r\n\r\n")
            assert refused.startswith(b"HTTP/1.1 502 ")
            assert b"own proxy answers 407 for refused.example:443" in refused
            assert ask(port, b"CONNECT silent.example:443 HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 504 ")

    def test_one_that_is_not_there_or_of_another_kind(self) -> None:
        for address in ("socks5://127.0.0.1:1080", "http://127.0.0.1:no"):
            with proxy(https_proxy=address) as port:
                answer = ask(port, b"CONNECT nobody.invalid:443 HTTP/1.1\r\n\r\n")
                assert answer.startswith(b"HTTP/1.1 502 ") and b"http:// or https://host:port" in answer
