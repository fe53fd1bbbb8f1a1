"""The README's quick start, step by step, as a new user types it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.integration.hub.platform_process import REPOSITORY, eventually

pytestmark = pytest.mark.timeout(600)
OUTRIDER = Path(sys.executable).with_name("outrider")


class Terminal:
    """A person's shell: their own home and directory, and the platform's state directory to sign in by."""

    def __init__(self, platform: Any, home: Any) -> None:
        self.directory = home
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("OUTRIDER_", "JUPYTERHUB"))}
        self.environ |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
        self.environ |= {"OUTRIDER_HOME": str(platform.home)}

    def outrider(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(
            [OUTRIDER, *words],
            cwd=self.directory,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *words: str) -> Any:
        return json.loads(self.outrider(*words, "--json"))


def test_from_make_run_to_a_served_model(make_platform: Any, tmp_path: Path) -> None:
    platform = make_platform(OUTRIDER_CATALOG=str(REPOSITORY / "images" / "catalog.yaml"))
    platform.start("--config", str(REPOSITORY / "jupyterhub_config.py"))
    said = platform.said()
    assert "The sample training job" in said and "succeeded: accuracy" in said and "model.json" in said

    home = tmp_path / "person"
    shutil.copytree(REPOSITORY / "examples" / "train", home / "flowers")
    terminal = Terminal(platform, home)
    terminal.outrider("login")
    assert "admin" in terminal.outrider("whoami")
    (sample,) = terminal.json("jobs", "list")["items"]
    assert sample["status"] == "succeeded" and sample["tags"] == ["sample"]

    terminal.directory = home / "flowers"
    assert "accuracy" in terminal.outrider("run", "--", "python", "train.py")
    charts = terminal.outrider("jobs", "metrics", "@last")
    assert "accuracy" in charts
    terminal.outrider("jobs", "metrics", "@last", "accuracy")
    assert "/storage/models/flowers.joblib" in terminal.outrider("jobs", "logs", "-f", "@last")
    terminal.outrider("artifacts", "get", "@last", "-o", "results")
    assert json.loads(next((home / "flowers" / "results").rglob("report.json")).read_text())["accuracy"] > 0.8

    shutil.copytree(REPOSITORY / "examples" / "serve", home / "serve")
    terminal.directory = home / "serve"
    job = terminal.outrider("jobs", "create", "--name", "flowers", "--port", "8080", "--", "python", "serve.py")
    job = job.strip().splitlines()[-1]
    address = f"{platform.url}/services/outrider/endpoints/{job}/8080/predict"
    body = {"length": 1.4, "width": 0.3}
    headers = {"Authorization": f"token {platform.token()}"}

    def predicted() -> Any:
        answer = httpx.post(address, json=body, headers=headers, timeout=30)
        return answer.status_code == 200 and answer.json()

    assert eventually("the model is served", predicted) == {"kind": "dwarf"}
    assert httpx.post(address, json=body, timeout=30).status_code in (401, 403, 404), "not without a token"
    before = terminal.json("storage", "ls", "models")
    assert "flowers.joblib" in json.dumps(before)
    terminal.outrider("jobs", "delete", "--yes", job)
    eventually("the job is gone", lambda: job not in terminal.outrider("jobs", "list"))
    assert terminal.json("storage", "ls", "models") == before

    shown = len(platform.said())
    platform.stop()
    platform.start("--config", str(REPOSITORY / "jupyterhub_config.py"))
    assert "sample" not in platform.said()[shown:], "the sample is sent once"
