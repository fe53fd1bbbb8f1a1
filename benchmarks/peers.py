"""Outrider beside jupyter-scheduler, MLflow and Aim, where they do the same.

Each peer is installed once in a virtual environment of its own (``.make/peers``), with pinned versions, and runs on
this machine in the same run as Outrider: a notebook of one cell from its submission to its end (jupyter-scheduler),
points from the program that logs them into the store (MLflow, Aim), a list of 1,000 runs over HTTP (MLflow), and the
time until the server answers. Outrider's job prints its points; its figure goes from the command's start until the last
of them can be read. A peer that cannot be installed is named in the table's notes with the reason."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import orjson

from tests.integration.harness import User, eventually

from .fill import Filler, sqlite_url
from .harness import REPOSITORY, Bench, catalog
from .report import Row, percentile

PINS = {
    "jupyter-scheduler": ["jupyter-scheduler==2.12.1", "ipykernel==7.4.0"],
    "mlflow": ["mlflow==3.17.2"],
    "aim": ["aim==3.29.1"],
}
POINTS = 100_000
RUNS = 1000
JOBS = 8
PAGE = 500
ROOMY = {"name": "tiny", "cpu": 0.1, "memory_mb": 1024}
"""The machine type that jobs ask for, with room for a kernel."""
CLIENTS = Path(__file__).parent / "peer_clients"
NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "execution_count": None, "id": "one", "metadata": {}, "outputs": [], "source": "print(1)"}
    ],
    "metadata": {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
PROGRAM = f"""
import sys
for n in range({POINTS}):
    sys.stdout.write('{{"chart": "loss", "y": %.6f, "x": %d}}\\n' % (1 / (n + 1), n))
"""


class NotInstalled(Exception):
    """The message is pip's reason."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A peer's environment."""

    name: str
    bin: Path

    @property
    def version(self) -> str:
        return PINS[self.name][0].partition("==")[2]

    @property
    def title(self) -> str:
        return f"{self.name} {self.version}"

    @property
    def size_mb(self) -> float:
        return megabytes(self.bin.parent)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink()) / 1e6


def installed(name: str) -> Peer:
    """The peer's environment, made when it is not there yet. Raises NotInstalled."""
    folder = REPOSITORY / ".make" / "peers" / name
    marker, pins = folder / "pins", "\n".join(PINS[name])
    if not marker.exists() or marker.read_text() != pins:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
        done = subprocess.run(
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *PINS[name]],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotInstalled(done.stderr.strip().splitlines()[-1])
        marker.write_text(pins)
    return Peer(name, folder / "bin")


@contextlib.contextmanager
def server(words: list[str], url: str, folder: Path) -> Iterator[float]:
    """A peer's server while in the context; yields the seconds until it answered."""
    began = time.monotonic()
    environment = {
        **os.environ,
        "HOME": str(folder),
        "PATH": f"{Path(words[0]).parent}:{os.environ['PATH']}",
    }
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:

            def answers() -> bool:
                with contextlib.suppress(httpx.HTTPError):
                    return httpx.get(url, timeout=5).status_code < 500
                return False

            eventually(f"{url} answers", answers, 120)
            yield time.monotonic() - began
        finally:
            os.killpg(process.pid, 15)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def client(peer: Peer, program: str, folder: Path, *arguments: object) -> Any:
    done = subprocess.run(
        [str(peer.bin / "python"), str(CLIENTS / program), *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "HOME": str(folder), "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return orjson.loads(done.stdout.splitlines()[-1])


@dataclass(frozen=True, slots=True)
class Times:
    """Medians in seconds from the submission."""

    started: float
    finished: float


def median(times: list[Times]) -> Times:
    return Times(percentile([t.started for t in times], 50), percentile([t.finished for t in times], 50))


def scheduled_notebooks(peer: Peer, folder: Path) -> tuple[Times, float]:
    """A notebook's way through jupyter-scheduler, and the seconds until its server answers."""
    (folder / "one.ipynb").write_bytes(orjson.dumps(NOTEBOOK))
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    words = [
        str(peer.bin / "jupyter"),
        "server",
        "--allow-root",
        "--no-browser",
        f"--ServerApp.port={port}",
        "--IdentityProvider.token=peers",
        f"--ServerApp.root_dir={folder}",
        "--SchedulerApp.environment_manager_class=jupyter_scheduler.environments.StaticEnvironmentManager",
    ]
    times = []
    with (
        server(words, f"{url}/api/status?token=peers", folder) as up_s,
        httpx.Client(base_url=url, headers={"Authorization": "token peers"}, timeout=30) as http,
    ):
        environment = http.get("/scheduler/runtime_environments").json()[0]["name"]
        wanted = {
            "input_uri": "one.ipynb",
            "name": "one",
            "runtime_environment_name": environment,
            "output_formats": ["ipynb"],
        }
        for _ in range(JOBS):
            sent = time.time()
            answer = http.post("/scheduler/jobs", json=wanted)
            answer.raise_for_status()
            job = _ended(http, answer.json()["job_id"])
            assert job["status"] == "COMPLETED", job
            times.append(Times(job["start_time"] / 1000 - sent, job["end_time"] / 1000 - sent))
    return median(times), up_s


def _ended(http: httpx.Client, job_id: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        job: dict[str, Any] = http.get(f"/scheduler/jobs/{job_id}").json()
        # One that was looked at before its process began is called stopped, and runs all the same.
        return job if job["status"] in ("COMPLETED", "FAILED") else None

    found: dict[str, Any] = eventually("the notebook has run", over, 120)
    return found


def own_notebooks(user: User) -> Times:
    """The same notebook as jobs of Outrider."""
    snapshot = user.upload({"one.ipynb": orjson.dumps(NOTEBOOK)})
    times = []
    for _ in range(JOBS):
        sent = time.time()
        job_id = user.submit(notebook="one.ipynb", workspace={"type": "snapshot", "id": snapshot})
        job = user.ended(job_id)
        assert job["status"] == "succeeded", job
        moments = [datetime.fromisoformat(job[name]).timestamp() for name in ("started_at", "finished_at")]
        times.append(Times(moments[0] - sent, moments[1] - sent))
    return median(times)


def own_points(user: User) -> float:
    """Points a second, from the command's start until the last one can be read."""
    job_id = user.code(PROGRAM)

    def all_there() -> bool:
        charts = user.get(f"/jobs/{job_id}/metrics").json()["items"]
        return any(c["chart"] == "loss" and c["series"][0]["count"] == POINTS for c in charts)

    eventually("all points can be read", all_there, 120)
    there = time.time()
    events = user.get(f"/jobs/{job_id}/events").json()["items"]
    started = next(event["time"] for event in events if event["type"] == "started")
    return POINTS / (there - datetime.fromisoformat(started).timestamp())


def own_list(user: User) -> float:
    """Milliseconds for all pages of RUNS jobs."""
    times = []
    for _ in range(5):
        began, cursor, count = time.monotonic(), None, 0
        while count < RUNS:
            page = user.get("/jobs", params={"limit": PAGE, **({"cursor": cursor} if cursor else {})}).json()
            count, cursor = count + len(page["items"]), page.get("next")
        times.append(time.monotonic() - began)
    return 1000 * percentile(times, 50)


def run(bench: Bench) -> list[Row]:
    peers: dict[str, Peer] = {}
    missing = []
    for name in PINS:
        try:
            peers[name] = installed(name)
        except NotInstalled as reason:
            missing.append(f"{name} could not be installed: {reason}")
    home = bench.new_home()
    filler = Filler(sqlite_url(home / "outrider.db"))
    filler.jobs(RUNS, row=lambda _: {"owner": "bob"})
    filler.close()
    assert bench.hub  # started before the clock
    began = time.monotonic()
    with bench.service(home, catalog=catalog(ROOMY)) as service:
        up_s = time.monotonic() - began
        alice, bob = service.user("alice"), service.user("bob")
        notebooks, points, listed = own_notebooks(alice), own_points(alice), own_list(bob)
    rows = []
    size = megabytes(REPOSITORY / ".venv")
    if peer := peers.get("jupyter-scheduler"):
        other, other_up_s = scheduled_notebooks(peer, bench.new_home())
        rows += [
            Row("notebook of one cell: submit to started (median)", 1000 * notebooks.started, "ms",
                limit=1000 * other.started, limit_is=peer.title),
            Row("notebook of one cell: submit to finished (median)", 1000 * notebooks.finished, "ms",
                limit=1000 * other.finished, limit_is=peer.title),
            Row("start until the server answers", up_s, "s", limit=other_up_s, limit_is=peer.title),
        ]  # fmt: skip
    if peer := peers.get("mlflow"):
        folder, port = bench.new_home(), free_port()
        url = f"http://127.0.0.1:{port}"
        words = [
            str(peer.bin / "mlflow"), "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts",
        ]  # fmt: skip
        with server(words, f"{url}/health", folder) as other_up_s:
            found = client(peer, "mlflow_client.py", folder, url, POINTS, RUNS)
        rows += [
            Row(f"{POINTS:,} points logged", points, "points/s", limit=found["batch"],
                limit_is=f"{peer.title}, in batches of 1,000"),
            Row("points logged one by one", points, "points/s", limit=found["single"], limit_is=peer.title),
            Row(f"list of {RUNS:,} runs, all pages (median)", listed, "ms",
                limit=1000 * percentile(found["lists"], 50), limit_is=peer.title),
            Row("start until the server answers", up_s, "s", limit=other_up_s, limit_is=peer.title),
        ]  # fmt: skip
    if peer := peers.get("aim"):
        found = client(peer, "aim_client.py", folder := bench.new_home(), folder, POINTS)
        rows.append(
            Row(f"{POINTS:,} points logged", points, "points/s", limit=found["single"],
                limit_is=f"{peer.title}, into a local repository")
        )  # fmt: skip
    note = "Outrider's environment also has its tests and linters. " + " ".join(missing)
    rows += [
        Row("size of the Python environment", size, "MB", limit=peer.size_mb, limit_is=peer.title, note=note)
        for peer in peers.values()
    ]
    return rows
