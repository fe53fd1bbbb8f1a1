"""The first job of a new installation: a small training run, submitted as the admin through the public API.

It gives the first login a finished job with charts and an artifact. Submitted once: an idempotency key makes a retry
the same job. Reads examples/sample, writes one file below OUTRIDER_HOME.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from .. import state
from ..settings import Settings, shipped

SOURCE = shipped("examples/sample")
TOKEN_LIFE_S = 3600
PATIENCE_S = 300.0
LOOK_S = 1.0
ENDED = ("succeeded", "failed", "cancelled")
FIXED_TIME = (2020, 1, 1, 0, 0, 0)


class SampleError(RuntimeError):
    """The sample could not be submitted; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """The job's result."""

    job: dict[str, Any]
    charts: dict[str, float]
    artifacts: list[str]

    def sentence(self) -> str:
        """A line for the terminal."""
        if self.job["status"] != "succeeded":
            why = self.job.get("message") or self.job.get("reason") or "no reason given"
            ended = "failed" if self.job["status"] == "failed" else f"was {self.job['status']}"
            return f"The sample training job {self.job['id']} {ended}: {why}"
        values = ", ".join(f"{name} {value:.3g}" for name, value in sorted(self.charts.items()))
        files = ", ".join(self.artifacts)
        return f"The sample training job {self.job['id']} succeeded: {values or 'no charts'}; left {files}."


def marker(settings: Settings) -> Path:
    return settings.home / "sample-job.json"


def wanted(settings: Settings) -> bool:
    """Only on a new installation, and only if the generated password is the login."""
    return not marker(settings).exists() and state.login_file(settings).exists()


def run(settings: Settings, secrets: state.Secrets, going_on: Callable[[], bool]) -> Outcome | None:
    """Submit the sample and wait for its end; None if it is still running at the deadline or the launcher is
    stopping."""
    base = f"{settings.local_url}/services/outrider/api/v1"
    with httpx.Client(timeout=30, trust_env=False) as http:
        http.headers["Authorization"] = f"token {_token(http, settings, secrets)}"
        job = _submit(http, base, secrets)
        state.write_private(marker(settings), json.dumps({"job": job["id"]}) + "\n")
        deadline = time.monotonic() + PATIENCE_S
        while job["status"] not in ENDED:
            if time.monotonic() > deadline or not going_on():
                return None
            time.sleep(LOOK_S)
            job = _answer(http.get(f"{base}/jobs/{job['id']}"))
        return _outcome(http, base, job)


def _token(http: httpx.Client, settings: Settings, secrets: state.Secrets) -> str:
    """A token of the admin's, created like anybody with the password could; it expires within the hour."""
    answer = http.post(
        f"{settings.local_url}/hub/api/users/{state.ADMIN}/tokens",
        json={
            "auth": {"username": state.ADMIN, "password": secrets.admin_password},
            "note": "sample job of the first start",
            "expires_in": TOKEN_LIFE_S,
        },
    )
    return str(_answer(answer)["token"])


def _submit(http: httpx.Client, base: str, secrets: state.Secrets) -> dict[str, Any]:
    snapshot = _answer(
        http.post(f"{base}/snapshots", content=packed(SOURCE), headers={"Content-Type": "application/zip"})
    )
    body = {
        "name": "Sample: first training",
        "command": "python train.py",
        "workspace": {"type": "snapshot", "id": snapshot["id"]},
        "params": {"epochs": 40, "learning_rate": 0.3},
        "tags": ["sample"],
    }
    key = {"Idempotency-Key": f"sample-{secrets.installation}"}
    job: dict[str, Any] = _answer(http.post(f"{base}/jobs", json=body, headers=key))
    return job


def _outcome(http: httpx.Client, base: str, job: dict[str, Any]) -> Outcome:
    charts = _answer(http.get(f"{base}/jobs/{job['id']}/metrics"))["items"]
    files = _answer(http.get(f"{base}/jobs/{job['id']}/artifacts", params={"recursive": "true"}))["items"]
    return Outcome(
        job=job,
        charts={c["chart"]: c["series"][-1]["y"] for c in charts if not c["system"] and c["series"]},
        artifacts=[file["path"] for file in files if file["type"] == "file"],
    )


def _answer(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json()
    try:
        message = response.json()["message"]
    except (ValueError, KeyError, TypeError):
        message = f"HTTP {response.status_code}"
    raise SampleError(f"{quote(response.request.url.path)}: {message}")


def packed(folder: Path) -> bytes:
    """The folder as a reproducible zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), FIXED_TIME)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
