"""200 people who log in at once and open the page that starts a notebook, with all that it loads.

Through the proxy, each with a browser's requests: the form of the login, its answer, the page, its stylesheets and
scripts. The peer is JupyterHub without Outrider on the same machine, whose page has two lists to choose from and asks
nobody.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.integration.hub.platform_process import REPOSITORY, Platform, eventually, free_block

from .harness import Bench, answer, program
from .report import Row, percentile, spread

PEOPLE = 200
GOAL_S = 30
WARM = 5
LOGIN = """
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.DummyAuthenticator.password = "secret"
c.JupyterHub.log_level = "WARN"
"""
BARE = """
c.JupyterHub.bind_url = "http://127.0.0.1:{port}"
c.JupyterHub.hub_port = {port} + 1
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{port_of_proxy}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.spawner_class = "simple"
c.Spawner.options_form = "<select name=image><option>Python</select><select name=machine><option>Small</select>"
"""


@contextlib.contextmanager
def bare(folder: Path) -> Iterator[str]:
    """JupyterHub as it comes; its address."""
    folder.mkdir()
    port = free_block(3)
    proxy = REPOSITORY / "node_modules" / ".bin" / "configurable-http-proxy"
    config = folder / "config.py"
    config.write_text(BARE.format(port=port, port_of_proxy=port + 2, proxy=str(proxy), folder=folder) + LOGIN)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(config)], cwd=folder, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    def up() -> bool:
        assert process.poll() is None, (folder / "log").read_text()
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{url}/hub/health", timeout=2).status_code == 200
        return False

    try:
        eventually("the bare Hub answers", up)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def arrive(url: str, word: str) -> tuple[float, list[float]]:
    """Seconds until the last of them has the page, and those of each."""
    with program("logins_client", url, WARM, "secret", word) as client:
        answer(client)
    with program("logins_client", url, PEOPLE, "secret", word) as client:
        said = answer(client)
    return float(said["seconds"]), [float(taken) for taken in said["each"]]


def run(bench: Bench) -> list[Row]:
    with bare(bench.folder / "bare") as url:
        limit, _ = arrive(url, "name=machine")
    platform = Platform(bench.folder / "logins", config=LOGIN)
    try:
        platform.start()
        taken, each = arrive(platform.pages, 'name="machine"')
    finally:
        platform.stop()
    return [
        Row(
            f"{PEOPLE} people log in at once and open the page that starts a notebook",
            taken,
            "s",
            goal=GOAL_S,
            limit=limit,
            limit_is="bare JupyterHub, two lists",
            note=f"until the last has it all; each {spread(each)}",
        ),
        Row("the same, each of them (p95)", percentile(each, 95), "s"),
    ]
