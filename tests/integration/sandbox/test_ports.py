"""Ports of a sandbox: reached by whoever owns its directory and nobody else, and the few addresses let in."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import outrider_sandbox as sandbox
from outrider_sandbox import processes

from .conftest import Box, until

ECHO = """
import socket, threading
server = socket.create_server(("ADDRESS", PORT), family=socket.FAMILY)
print("up", flush=True)
def serve(c):
    data = b""
    while chunk := c.recv(65536):
        data += chunk
    c.sendall(b"NAME:" + data)
    c.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],)).start()
"""


def echo(name: str, port: int = 8080, address: str = "127.0.0.1") -> str:
    family = "AF_INET6" if ":" in address else "AF_INET"
    return ECHO.replace("NAME", name).replace("PORT", str(port)).replace("ADDRESS", address).replace("FAMILY", family)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def ask(connection: socket.socket, data: bytes) -> bytes:
    """Send everything, close that direction, and read until the end of the other."""
    with connection:
        connection.settimeout(30)
        sender = threading.Thread(target=_send, args=(connection, data))
        sender.start()
        answer = b""
        while chunk := connection.recv(1 << 16):
            answer += chunk
        sender.join()
        return answer


def inside(box: Box, port: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    with sandbox.short_path(Path(sandbox.connect_path(box.folder, port))) as path:
        connection.connect(path)
    return connection


def test_a_declared_port_is_reached_through_its_socket(box: Box) -> None:
    port = free_port()
    box.python(echo("a", port), ports=[port]).says("up")
    assert ask(inside(box, port), b"hello") == b"a:hello"


def test_megabytes_both_ways_arrive_whole(box: Box) -> None:
    port = free_port()
    box.python(echo("a", port), ports=[port]).says("up")
    data = bytes(range(256)) * 40_000
    assert ask(inside(box, port), data) == b"a:" + data


def test_a_server_on_ipv6_is_reached_too(isolated: Box) -> None:
    isolated.python(echo("six", address="::1"), ports=[8080]).says("up")
    assert ask(inside(isolated, 8080), b"x") == b"six:x"


def test_a_port_where_nothing_listens_yet_closes_at_once(box: Box) -> None:
    port = free_port()
    box.shell("echo up; sleep 1000", ports=[port]).says("up")
    with inside(box, port) as connection:
        connection.settimeout(20)
        try:
            assert connection.recv(1) == b""
        except ConnectionResetError:
            pass


def test_two_sandboxes_may_use_the_same_port(isolated: Box, second: Box) -> None:
    isolated.python(echo("first"), ports=[8080]).says("up")
    second.python(echo("second"), ports=[8080]).says("up")
    assert ask(inside(isolated, 8080), b"x") == b"first:x"
    assert ask(inside(second, 8080), b"x") == b"second:x"


def test_undeclared_ports_have_no_socket(isolated: Box) -> None:
    isolated.python(echo("a"), ports=[9090]).says("up")
    assert [path.name for path in (isolated.folder / "ports").iterdir()] == ["9090.sock"]


def test_a_host_port_leads_inside(isolated: Box) -> None:
    outside = free_port()
    isolated.python(echo("a"), host_ports={outside: 8080}).says("up")
    assert ask(socket.create_connection(("127.0.0.1", outside), timeout=20), b"x") == b"a:x"


def test_a_host_port_that_is_taken_is_an_error_that_says_so(isolated: Box) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        state = isolated.shell("echo ran", host_ports={port: 8080}).end()
    assert (state.reason, state.exit_code) == ("error", None)
    assert str(port) in (state.message or "")
    assert isolated.lines == []
    isolated.nothing_left()


@contextmanager
def hub() -> Iterator[int]:
    """Something on the host's loopback that greets and echoes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"hub:" + connection.recv(100))

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


LET_IN = """
import socket
for _ in range(20):
    s = socket.create_connection(("127.0.0.1", 8081), timeout=20)
    s.sendall(b"x")
    assert s.recv(100) == b"hub:x"
for port in PORTS:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5)
        print("reached", port)
    except OSError: pass
print("end")
"""


def test_only_what_is_let_in_is_in_reach(isolated: Box) -> None:
    with hub() as port, hub() as other:
        script = LET_IN.replace("PORTS", str([port, other]))
        isolated.python(script, let_in={8081: f"127.0.0.1:{port}"}).end()
    assert isolated.lines == ["end"]


def test_an_address_that_is_let_in_may_come_and_go(isolated: Box) -> None:
    port = free_port()
    script = """
import socket, time
def _send(connection: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)


def ask():
    try:
        s = socket.create_connection(("127.0.0.1", 8081), timeout=20); s.sendall(b"x"); return s.recv(100)
    except OSError: return b""
print(ask() or "gone", flush=True)
while not ask(): time.sleep(0.05)
print("back", flush=True)
"""
    isolated.python(script, let_in={8081: f"127.0.0.1:{port}"}).says("gone")
    with socket.create_server(("127.0.0.1", port)) as server:
        server.settimeout(20)
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello")
        isolated.says("back")


def test_a_directory_may_lie_deep(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    box = Box(folder, "plain")
    try:
        port = free_port()
        box.python(echo("deep", port), ports=[port]).says("up")
        assert ask(inside(box, port), b"x") == b"deep:x"
    finally:
        box.close()


def test_many_connections_that_break_off_do_no_harm(isolated: Box) -> None:
    isolated.python(echo("a"), ports=[8080]).says("up")
    for _ in range(200):
        with inside(isolated, 8080) as connection:
            connection.sendall(b"half")
    assert ask(inside(isolated, 8080), b"x") == b"a:x"


def test_a_relay_that_was_killed_is_replaced(isolated: Box) -> None:
    isolated.python(echo("a"), ports=[8080]).says("up")
    pid = isolated.state.pid or 0
    named = {p: Path(f"/proc/{p}/cmdline").read_bytes() for p in processes.children(pid)}
    relays = [p for p in named if b"outrider_sandbox" in named[p]]
    assert len(relays) == 1
    os.kill(relays[0], signal.SIGKILL)

    def works() -> bool:
        try:
            return ask(inside(isolated, 8080), b"x") == b"a:x"
        except OSError:
            return False

    until(works)
