"""A release, made and installed from its files, where no checkout is: the platform starts and runs its sample job."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.hub.platform_process import REPOSITORY, Platform, eventually

UV = REPOSITORY / ".venv" / "bin" / "uv"
PAGES = REPOSITORY / "hub" / "outrider_service" / "portal" / "static" / "index.html"


def run(*words: str | Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in words],
        env={**os.environ, **environment},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not UV.exists() or not PAGES.exists():
        pytest.skip("the checkout is not set up: make setup")
    if shutil.which("helm") is None and shutil.which("go") is None:
        pytest.skip("there is neither helm nor Go to build it with")
    made = tmp_path_factory.mktemp("release") / "dist"
    run("tools/release", "--draft", OUTRIDER_DIST=str(made))
    return made


def test_a_release_is_complete(dist: Path) -> None:
    version = run("tools/version").strip()
    names = {path.name for path in dist.iterdir()}
    for distribution in ("outrider", "outrider_hub", "jupyterlab_outrider"):
        assert f"{distribution}-{version}.tar.gz" in names
        assert f"{distribution}-{version}-py3-none-any.whl" in names
    assert {f"outrider-{version}.tgz", f"openapi-{version}.json", "NOTES.md", "SHA256SUMS"} <= names
    summed = {line.split("  ")[1] for line in (dist / "SHA256SUMS").read_text().splitlines()}
    assert summed == names - {"SHA256SUMS"}


@pytest.mark.timeout(400)
def test_what_is_installed_from_the_files_runs(dist: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    run(UV, "venv", "-q", "--python", sys.executable, environment)
    python = environment / "bin" / "python"
    wheels = [str(path) for path in dist.glob("*.whl")]
    run(UV, "pip", "install", "-q", "--python", python, "-c", "constraints.txt", *wheels)
    assert run("tools/version").strip() in run(environment / "bin" / "outrider", "--version")
    proxy = REPOSITORY / "node_modules" / ".bin" / "configurable-http-proxy"
    platform = Platform(tmp_path / "home", python=str(python), OUTRIDER_PROXY_COMMAND=str(proxy))
    (platform.home / "catalog.yaml").unlink()
    platform.environment["OUTRIDER_CATALOG"] = ""
    try:
        platform.launch()
        eventually("the sample job has ended", lambda: "The sample training job" in platform.said(), 180)
        assert "succeeded" in platform.said(), platform.said() + platform.log()
    finally:
        platform.end()
