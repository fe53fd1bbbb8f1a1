"""The service as its users meet it, for tests: a real Hub for identities, the real service as a process that can be
killed, the real sandboxes, and an HTTP client for each user."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.integration.hub.platform_process import REPOSITORY, eventually, free_block

ENDED = ("succeeded", "failed", "cancelled")
PREFIX = "/services/outrider/"
CATALOG: dict[str, Any] = {
    "images": [{"name": "python", "title": "Python"}, {"name": "team-only", "groups": ["team"]}],
    "machines": [
        {"name": "small", "cpu": 0.5, "memory_mb": 512, "price_per_hour": 0.36},
        {"name": "tiny", "cpu": 0.1, "memory_mb": 128},
        {"name": "half", "cpu": 2, "memory_mb": 1024},
        {"name": "whole", "cpu": 4, "memory_mb": 1024},
        {"name": "giant", "cpu": 1000, "memory_mb": 1024},
        {"name": "team-box", "cpu": 0.5, "memory_mb": 512, "groups": ["team"]},
    ],
    "limits": {"default": {"max_pending": 50, "max_upload_mb": 8}},
    "local": {"cpu": 4, "memory_mb": 16384},
}


class HubProcess:
    """JupyterHub with the users alice, bob, carol (alice and carol are the group "team") and root, the admin."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_block(6)
        self.api = f"http://127.0.0.1:{self.port + 1}/hub/api"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> HubProcess:
        self.home.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "TEST_HUB_PORT": str(self.port),
            "TEST_HUB_HOME": str(self.home),
            "TEST_PROXY": str(REPOSITORY / "node_modules/.bin/configurable-http-proxy"),
            "CONFIGPROXY_AUTH_TOKEN": "proxy-token",
        }
        with (self.home / "hub.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("run_hub.py"))],
                env=environment,
                cwd=self.home,
                stdout=log,
                stderr=log,
            )
        eventually("the Hub answers", self._answers)
        return self

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.home / "hub.log").read_text()
        try:
            return httpx.get(f"{self.api}/", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def token(self, user: str, **options: Any) -> str:
        return str(self.new_token(user, **options)["token"])

    def new_token(self, user: str, **options: Any) -> dict[str, Any]:
        """A fresh token of a user with its id; ``scopes`` narrows it, ``expires_in`` ends it."""
        answer = httpx.post(
            f"{self.api}/users/{user}/tokens", json=options, headers={"Authorization": f"token {user}-token"}
        )
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        # A Hub that is stopped while it still starts leaves its proxy behind.
        left = self.home / "proxy.pid"
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(left.read_text().split()[0]), signal.SIGTERM)
        left.unlink(missing_ok=True)


class ServiceProcess:
    """The service with a state directory of its own; killed and started again at will."""

    def __init__(
        self,
        hub: HubProcess,
        home: Path,
        *,
        port: int | None = None,
        catalog: dict[str, Any] | None = None,
        database: str | None = None,
        module: Iterable[str] = ("-m", "outrider_service"),
        auth_cache: int = 2,
        **environment: str,
    ) -> None:
        self.hub = hub
        self.home = home
        self.port = port or free_block(2)
        self.module = list(module)
        self.auth_cache = auth_cache
        self.process: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        (home / "catalog.yaml").write_text(yaml.safe_dump(catalog or CATALOG))
        self.environment = os.environ | {
            "JUPYTERHUB_API_TOKEN": "service-token",
            "JUPYTERHUB_API_URL": hub.api,
            "JUPYTERHUB_CLIENT_ID": "service-outrider",
            "JUPYTERHUB_SERVICE_NAME": "outrider",
            "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
            "JUPYTERHUB_BASE_URL": "/",
            "JUPYTERHUB_OAUTH_ACCESS_SCOPES": '["access:services!service=outrider", "access:services"]',
            "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:{self.port}",
            "OUTRIDER_HOME": str(home),
            "OUTRIDER_APPS_PORT": str(self.port + 1),
            "OUTRIDER_PUBLIC_URL": f"http://127.0.0.1:{hub.port}",
            "OUTRIDER_DATABASE": database or f"sqlite:///{home}/outrider.db",
            "OUTRIDER_CATALOG": str(home / "catalog.yaml"),
            **environment,
        }
        self.base = f"http://127.0.0.1:{self.port}{PREFIX}api/v1"

    def start(self, *, wait: bool = True) -> ServiceProcess:
        with (self.home / "service.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.module, f"--OutriderService.auth_cache={self.auth_cache}"],
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        if wait:
            eventually("the service answers", self.answers)
        return self

    @property
    def log(self) -> str:
        return (self.home / "service.log").read_text()

    def connected(self, port: int) -> bool:
        """Whether the service has its end of a client's connection open: established, or closed by the other (proc(5)).
        The client is known by its port."""
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        ends = {(own[-4:], other[-4:]) for _, own, other, state, *_ in lines if state in ("01", "08")}
        return (f"{self.port:04X}", f"{port:04X}") in ends

    def answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log[-4000:]
        try:
            return httpx.get(f"{self.base}/health", timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise

    def clean(self) -> None:
        """Stop, and end every sandbox that is left."""
        import outrider_sandbox as sandbox

        self.stop()
        for folder in (self.home / "run" / "jobs").glob("*"):
            sandbox.request_stop(folder, 0)
        # Trees that are too deep for Python's own clean-up are part of the tests.
        for name in ("jobs", "users"):
            sandbox.remove_tree(self.home / name)

    def user(self, name: str) -> User:
        return User(self, f"{name}-token", name)


class User:
    """A person with a token."""

    def __init__(self, service: ServiceProcess, token: str, name: str = "") -> None:
        self.service = service
        self.name = name
        self.token = token
        self.http = httpx.Client(base_url=service.base, headers={"Authorization": f"token {token}"}, timeout=30)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.http.post(path, **options)

    def put(self, path: str, **options: Any) -> httpx.Response:
        return self.http.put(path, **options)

    def delete(self, path: str, **options: Any) -> httpx.Response:
        return self.http.delete(path, **options)

    def submit(self, command: str | None = None, **fields: Any) -> str:
        """The id of a job that was taken."""
        body = {"machine": "tiny", **fields}
        if command is not None:
            body["command"] = command
        answer = self.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        answer = self.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def until(self, job_id: str, *status: str, timeout_s: float = 60) -> dict[str, Any]:
        """The job once it has one of the statuses."""
        found: dict[str, Any] = {}

        def look() -> bool:
            found.update(self.job(job_id))
            assert found["status"] in status or found["status"] not in ENDED, found
            return found["status"] in status

        eventually(f"{job_id} is {' or '.join(status)}", look, timeout_s)
        return found

    def ended(self, job_id: str, timeout_s: float = 60) -> dict[str, Any]:
        return self.until(job_id, *ENDED, timeout_s=timeout_s)

    def run(self, command: str | None = None, **fields: Any) -> dict[str, Any]:
        """Submit and wait for the end."""
        return self.ended(self.submit(command, **fields))

    def lines(self, job_id: str) -> list[str]:
        """The whole log's text."""
        texts: list[str] = []
        after = 0
        while True:
            page = self.get(f"/jobs/{job_id}/logs", params={"after": after, "limit": 10000}).json()
            texts += [line["text"] for line in page["items"]]
            if page["next"] is None:
                return texts
            after = page["next"]

    def upload(self, files: dict[str, str | bytes]) -> str:
        """A workspace from names and contents; its id."""
        answer = self.post("/snapshots", content=zip_of(files))
        assert answer.status_code in (200, 201), answer.text
        return str(answer.json()["id"])

    def code(self, source: str, **fields: Any) -> str:
        """Submit a job that runs this Python as main.py."""
        snapshot = self.upload({"main.py": source})
        return self.submit("python main.py", workspace={"type": "snapshot", "id": snapshot}, **fields)


def zip_of(files: dict[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def sandbox_processes(home: Path) -> list[str]:
    """Command lines of all processes that belong to sandboxes of this state directory."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if f"{home}/run/" in command:
            found.append(command)
    return found


__all__ = [
    "CATALOG",
    "ENDED",
    "PREFIX",
    "HubProcess",
    "ServiceProcess",
    "User",
    "eventually",
    "free_block",
    "sandbox_processes",
    "zip_of",
]
