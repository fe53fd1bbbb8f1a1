"""A sandbox with web access only: what programs in it reach through the proxy, and what they do not reach."""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import outrider_sandbox as sandbox
from outrider_sandbox import processes

from .conftest import Box, until
from .test_ports import LET_IN, ask, echo, hub, inside

# Of the loopback, so that it is on every machine, and not where nothing is sent through a proxy.
ADDRESS = "127.0.0.2"


class Web:
    """Files of a directory, served on this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer((ADDRESS, 0), handler)
        self.place = f"{ADDRESS}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    made = Web(tmp_path_factory.mktemp("web"))
    (made.folder / "page").write_text("the page\n")
    yield made
    made.server.shutdown()
    made.server.server_close()


def access(web: Web) -> dict[str, Any]:
    return {"network": "web", "web": sandbox.Web(hosts=[web.place])}


FETCH = """
import sys, urllib.request
print(urllib.request.urlopen("http://PLACE/page", timeout=20).read().decode().strip(), flush=True)
"""


def test_python_and_curl_and_git_find_the_proxy_by_themselves(isolated: Box, web: Web) -> None:
    repository = web.folder / "repository"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(repository)]
    subprocess.run(["git", "init", "-q", str(repository)], check=True, timeout=60)
    (repository / "file").write_text("from git\n")
    for words in (["add", "."], ["commit", "-qm", "first"], ["update-server-info"]):
        subprocess.run([*git, *words], check=True, timeout=60)
    script = f"python -c '{FETCH.replace('PLACE', web.place)}'; "
    expected = ["the page"]
    if shutil.which("curl"):
        script += f"curl -sS http://{web.place}/page; "
        script += f"curl -sSp http://{web.place}/page; "  # a tunnel, as for https
        expected += ["the page"] * 2
    script += f"cd /tmp && git clone -q http://{web.place}/repository/.git here && cat here/file"
    isolated.shell(script, env={"HOME": "/tmp"}, **access(web)).end()
    assert isolated.lines == [*expected, "from git"]


def test_what_is_closed_is_refused_with_a_sentence(isolated: Box, web: Web) -> None:
    script = """
import urllib.error, urllib.request
for place in ("169.254.169.254", "127.0.0.3"):
    try:
        urllib.request.urlopen(f"http://{place}/", timeout=20)
    except urllib.error.HTTPError as error:
        print(error.code, error.read().decode().strip())
"""
    isolated.python(script, **access(web)).end()
    assert [line.split()[0] for line in isolated.lines] == ["403", "403"]
    assert "sandboxes are kept from" in isolated.text


def test_nothing_outside_is_reached_past_the_proxy(isolated: Box, web: Web) -> None:
    script = f"""
import socket
try:
    socket.create_connection({web.server.server_address[:2]!r}, timeout=20)
    print("reached")
except OSError:
    pass
try:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("192.0.2.1", 53))
        print("sent")
except OSError:
    pass
try:
    socket.getaddrinfo("outside.example", 80)
    print("resolved")
except socket.gaierror:
    print("end")
"""
    isolated.python(script, **access(web)).end()
    assert isolated.lines == ["end"]


def test_a_proxy_of_one_s_own_is_kept(isolated: Box, web: Web) -> None:
    isolated.shell(
        'echo "$HTTPS_PROXY $https_proxy $http_proxy"', env={"HTTPS_PROXY": "http://own:1"}, **access(web)
    ).end()
    assert isolated.lines == ["http://own:1  http://127.0.0.1:65431"]


def test_ports_and_the_hub_are_reached_as_ever(isolated: Box, web: Web) -> None:
    with hub() as port:
        script = LET_IN.replace("PORTS", "[]") + echo("a")
        isolated.python(script, ports=[8080], let_in={8081: f"127.0.0.1:{port}"}, **access(web)).says("up")
        assert ask(inside(isolated, 8080), b"x") == b"a:x"


def test_a_proxy_that_was_killed_is_started_again(isolated: Box, web: Web) -> None:
    script = f"""
import sys, time, urllib.request
print("up", flush=True)
while True:
    try:
        urllib.request.urlopen("http://{web.place}/page", timeout=20).read()
        print("reached", time.monotonic_ns(), flush=True)
    except OSError:
        print("not reached", flush=True)
    time.sleep(0.05)
"""
    isolated.python(script, **access(web)).says("up")
    until(lambda: "\nreached" in isolated.text, "the page is reached")
    (proxy,) = proxies(isolated)
    os.kill(proxy, signal.SIGKILL)
    until(lambda: [pid for pid in proxies(isolated) if pid != proxy], "another proxy")
    seen = isolated.text.count("\nreached")
    until(lambda: isolated.text.count("\nreached") > seen + 1, "the page is reached again")


def proxies(box: Box) -> list[int]:
    """Children of the supervisor that are no relay, of which there is none, and no bwrap: the proxy."""
    assert box.state.pid is not None
    found = processes.children(box.state.pid)
    return [pid for pid in found if b"outrider_sandbox" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_program_that_talks_nonsense_to_the_proxy_harms_nobody(isolated: Box, web: Web) -> None:
    script = f"""
import os, socket
held = []
for n in range(400):
    s = socket.create_connection(("127.0.0.1", 65431), timeout=20)
    s.sendall(os.urandom(1000))
    held.append(s)
for s in held:
    s.close()
{FETCH.replace("PLACE", web.place)}
"""
    isolated.python(script, **access(web)).end()
    assert isolated.lines == ["the page"]
    isolated.nothing_left()
    assert b"Traceback" not in (isolated.folder / "supervisor.log").read_bytes()
