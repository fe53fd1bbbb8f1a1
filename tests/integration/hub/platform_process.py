"""``make run`` without make, for tests: the real launcher, Hub and proxy, on free ports and a home of its own."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

import outrider_sandbox as sandbox

REPOSITORY = Path(__file__).resolve().parents[3]
CATALOG = """
images:
  - {name: outrider/python, title: Python}
  - {name: outrider/jobs-only, title: Jobs, for_notebooks: false}
machines:
  - {name: small, title: Small, cpu: 1, memory_mb: 2048}
  - {name: whole, title: Whole machine, cpu: 7, memory_mb: 3000, price_per_hour: 1.5}
  - {name: huge, title: Huge, cpu: 1000, memory_mb: 3000}
  - {name: staff, title: Staff, cpu: 1, memory_mb: 2048, groups: [staff]}
local: {cpu: 8, memory_mb: 16000}
"""
DEADLINE_S = 90
BLOCK = 8


def free_block(count: int = 5) -> int:
    """The first of some free ports that follow each other, this process's own until it ends.

    Below those that the system hands out itself, and locked: other test processes take theirs at the same time.
    """
    locks = Path(tempfile.gettempdir()) / f"outrider-test-ports-{os.getuid()}"
    locks.mkdir(exist_ok=True)
    for first in random.SystemRandom().sample(range(10_000, 32_000, BLOCK), 200):
        lock = os.open(locks / str(first), os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if all(is_free(first + offset) for offset in range(count)):
                return first
        os.close(lock)
    raise RuntimeError("no free ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def eventually(what: str, look: Callable[[], Any], timeout_s: float = DEADLINE_S) -> Any:
    """The first true answer of ``look``; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := look():
            return found
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(0.1)


class LocalNames(httpx.HTTPTransport):
    """Reaches names below ``localhost`` on this machine, which a browser does and the system's resolver may not; or
    wherever a tunnel to this machine would lead."""

    def __init__(self, **there: Any) -> None:
        """``there``: host and port instead of this machine's."""
        super().__init__()
        self._there = there or {"host": "127.0.0.1"}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if f".{request.url.host}".rpartition(".")[2] != "localhost":
            return super().handle_request(request)
        # The Host header keeps the name.
        here = httpx.Request(
            request.method,
            request.url.copy_with(**self._there),
            headers=request.headers,
            stream=request.stream,
            extensions=request.extensions,
        )
        return super().handle_request(here)


def client(url: str, token: str | None = None, **options: Any) -> httpx.Client:
    """For anything that this machine serves, notebooks among it."""
    headers = {} if token is None else {"Authorization": f"token {token}"}
    return httpx.Client(base_url=url, transport=LocalNames(), timeout=30, headers=headers, **options)


def connection(url: str) -> socket.socket:
    """Where a WebSocket to such an address begins."""
    return socket.create_connection(("127.0.0.1", httpx.URL(url).port or 80), timeout=30)


class Platform:
    """One state directory and its block of ports; started and stopped as often as a test likes."""

    def __init__(
        self,
        home: Path,
        *,
        config: str = "",
        python: str = sys.executable,
        prefix: Sequence[str] = (),
        **environment: str,
    ) -> None:
        """``python``: that of the environment in which Outrider is installed. ``prefix``: words of a command that
        starts the launcher in surroundings of its own."""
        self.home = home
        self.python = python
        self.prefix = list(prefix)
        self.port = free_block()
        self.url = f"http://127.0.0.1:{self.port}"
        """For programs."""
        self.pages = f"http://localhost:{self.port}"
        """For people."""
        self.environment = environment
        self.process: subprocess.Popen[str] | None = None
        self.output = home.parent / f"{home.name}.out"
        folder = self.home / "jupyterhub_config.d"
        folder.mkdir(parents=True)
        (folder / "test.py").write_text(config)
        (self.home / "catalog.yaml").write_text(CATALOG)

    def launch(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the launcher; returns at once."""
        environ = {k: v for k, v in os.environ.items() if not k.startswith(("OUTRIDER_", "JUPYTER"))}
        environ |= {"OUTRIDER_HOME": str(self.home), "OUTRIDER_PORT": str(self.port)}
        environ |= {"OUTRIDER_CATALOG": str(self.home / "catalog.yaml"), **self.environment}
        with self.output.open("a") as output:
            self.process = subprocess.Popen(
                [*self.prefix, self.python, "-m", "outrider_hub", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environ,
                cwd=self.home,
                text=True,
            )
        return self.process

    def start(self, *arguments: str) -> Platform:
        """Starts, and waits until the launcher says that everything is up."""
        before = len(self.said())
        process = self.launch(*(arguments or ("--no-sample",)))

        def up() -> bool:
            assert process.poll() is None, self.said()[before:]
            return "Press Ctrl-C" in self.said()[before:]

        eventually("the platform is up", up, 180)
        return self

    def said(self) -> str:
        return self.output.read_text() if self.output.exists() else ""

    def log(self) -> str:
        return (self.home / "log" / "hub.log").read_text(errors="replace")

    def stop(self) -> int | None:
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(60)
        self.process = None
        return code

    def end(self) -> None:
        """Stops it, and its notebooks and jobs as well, which outlive it by design."""
        self.stop()
        for folder in (self.home / "run").glob("*/*/"):
            sandbox.request_stop(folder, 0)

    def pids(self, pattern: str) -> list[int]:
        """Processes of this platform (they know its directory or its Hub) whose command line matches."""
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                environ = (entry / "environ").read_bytes()
            except OSError:
                continue
            marks = (str(self.home), f"127.0.0.1:{self.port + 2}/")
            ours = any(mark.encode() in environ or mark in words for mark in marks)
            if re.search(pattern, words) and ours:
                found.append(int(entry.name))
        return found

    @property
    def password(self) -> str:
        return str(json.loads((self.home / "login.json").read_text())["password"])

    def token(self, user: str = "admin", password: str | None = None, **body: Any) -> str:
        """A token of the user's, made with the password."""
        auth = {"username": user, "password": password or self.password}
        answer = httpx.post(f"{self.url}/hub/api/users/{user}/tokens", json={"auth": auth, **body}, timeout=30)
        answer.raise_for_status()
        return str(answer.json()["token"])

    def hub(self, token: str) -> httpx.Client:
        """The Hub's REST API."""
        return httpx.Client(base_url=f"{self.url}/hub/api", headers={"Authorization": f"token {token}"}, timeout=30)

    def service(self, token: str) -> httpx.Client:
        return httpx.Client(
            base_url=f"{self.url}/services/outrider/api/v1",
            headers={"Authorization": f"token {token}"},
            timeout=30,
        )

    def free(self) -> dict[str, int]:
        """How many of each machine type fit now."""
        with self.service(self.token()) as service:
            return {machine["name"]: machine["free"] for machine in service.get("/machines").json()["items"]}

    def browser(self) -> httpx.Client:
        """Keeps cookies and follows redirects, as a browser does."""
        return client(self.pages, follow_redirects=True)

    def log_in(self, browser: httpx.Client, user: str, password: str) -> httpx.Response:
        page = browser.get("/hub/login")
        form = {"username": user, "password": password, "_xsrf": browser.cookies["_xsrf"]}
        assert page.status_code == 200
        return browser.post("/hub/login", data=form)

    def start_notebook(self, token: str, user: str = "admin", server: str = "", **options: str) -> str:
        """Starts a server and waits until it is ready; its address."""
        with self.hub(token) as hub:
            where = f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"
            answer = hub.post(where, json=options)
            assert answer.status_code in (201, 202), answer.text

            def ready() -> Any:
                servers = hub.get(f"/users/{user}").json()["servers"]
                assert server in servers, self.log()[-4000:]
                return servers[server]["ready"] and servers[server]

            return str(eventually("the notebook server is ready", ready, 120)["url"])

    def stop_notebook(self, token: str, user: str = "admin", server: str = "") -> None:
        with self.hub(token) as hub:
            where = f"/users/{user}/servers/{server}" if server else f"/users/{user}/server"
            assert hub.delete(where).status_code in (202, 204, 404)
            eventually("the server is gone", lambda: server not in hub.get(f"/users/{user}").json()["servers"])
