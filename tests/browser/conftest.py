"""A real browser on the real platform: everything as `make run` starts it, with prices and a small machine to fill."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.people import PATIENCE_MS, as_person, hub, newcomer, private
from tests.integration.hub.platform_process import REPOSITORY, Platform, eventually
from tests.integration.registry.server import Registry, program, running

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
__all__ = ["PATIENCE_MS", "as_person", "hub", "newcomer", "private"]
BEGAN = pytest.StashKey[datetime]()
"""When a test's first try did."""
ENDED = ("succeeded", "failed", "cancelled")
CATALOG: dict[str, Any] = {
    "images": [{"name": "outrider/python", "title": "Python", "for_jobs": True, "for_notebooks": True}],
    "machines": [
        {"name": "small", "title": "Small", "cpu": 0.5, "memory_mb": 1024, "price_per_hour": 0.18},
        {"name": "tiny", "title": "Tiny", "cpu": 0.1, "memory_mb": 128, "price_per_hour": 0.04},
        {"name": "whole", "title": "Whole", "cpu": 4, "memory_mb": 4096, "price_per_hour": 1.4},
        {"name": "giant", "title": "Giant", "cpu": 1000, "memory_mb": 8192, "price_per_hour": 20},
    ],
    "limits": {"default": {"max_pending": 100, "max_upload_mb": 8}},
    "local": {"cpu": 4, "memory_mb": 8192},
}
TRAINING = r"""
import json, math, os, sys, time
print(json.dumps({"chart": "loss", "axis": "step"}))
for step in range(1, 100_000):
    for series, gap in (("training", 0), ("validation", 0.06)):
        y = 2 / math.sqrt(step) + gap + 0.03 * math.sin(step)
        print(json.dumps({"chart": "loss", "x": step, "y": y, "series": series}))
    print(json.dumps({"chart": "learning_rate", "x": step, "y": 3e-4 * math.exp(-step / 300)}))
    print(f"\x1b[36mstep {step}\x1b[0m of many", flush=True)
    time.sleep(0.1)
"""

STEP = re.compile(r"step \d+ of many")
"""A line of it; which one is in view is a matter of when one looks."""


class Jobs:
    """The API as a program uses it, to set the stage for what a person then sees."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    def submit(self, command: str, **fields: Any) -> str:
        body = {"machine": "small", "command": command, **fields}
        answer = self.http.post("/jobs", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def python(self, program: str, **fields: Any) -> str:
        return self.submit(f"python -u - <<'END_OF_PROGRAM'\n{program}\nEND_OF_PROGRAM", **fields)

    def get(self, job: str) -> dict[str, Any]:
        answer = self.http.get(f"/jobs/{job}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait(self, job: str, *statuses: str) -> dict[str, Any]:
        wanted = statuses or ENDED
        eventually(f"{job} is {wanted}", lambda: self.get(job)["status"] in wanted)
        return self.get(job)

    def newest(self) -> dict[str, Any] | None:
        items = self.http.get("/jobs", params={"limit": 1}).json()["items"]
        return dict(items[0]) if items else None

    def remove_since(self, moment: datetime) -> None:
        """Jobs made after that end and go."""
        while (job := self.newest()) and datetime.fromisoformat(job["created_at"]) > moment:
            answer = self.http.delete(f"/jobs/{job['id']}")
            assert answer.status_code < 300, answer.text
            eventually(f"{job['id']} is gone", partial(self._is_gone, job["id"]))

    def _is_gone(self, job: str) -> bool:
        return self.http.get(f"/jobs/{job}").status_code == 404

    def lines(self, job: str) -> int:
        return int(self.http.get(f"/jobs/{job}/logs", params={"limit": 1}).json()["total"])


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry | None]:
    """A container registry that the operator allows, where there is a program for it."""
    if program() is None:
        yield None
        return
    with running(tmp_path_factory.mktemp("registry"), login=False) as found:
        yield found


@pytest.fixture(scope="session")
def registry(open_registry: Registry | None) -> Registry:
    if open_registry is None:
        pytest.skip("docker-registry is not installed (Debian: apt-get install docker-registry)")
    return open_registry


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory, open_registry: Registry | None) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("browser")
    catalog = folder / "catalog.yaml"
    catalog.write_text(yaml.safe_dump(CATALOG))
    made = Platform(
        folder / "home",
        OUTRIDER_CATALOG=str(catalog),
        OUTRIDER_REGISTRIES=open_registry.allowed if open_registry else "",
    )
    try:
        # The configuration that is the default anyway: named, so that the sample job is sent as on a first start.
        yield made.start("--config", str(REPOSITORY / "jupyterhub_config.py"))
    finally:
        made.end()


@pytest.fixture(scope="session")
def base(platform: Platform) -> str:
    return f"{platform.pages}/services/outrider/"


@pytest.fixture(scope="session")
def jobs(platform: Platform) -> Iterator[Jobs]:
    with platform.service(platform.token()) as http:
        yield Jobs(http)


@pytest.fixture(autouse=True)
def second_try(request: pytest.FixtureRequest) -> None:
    """A second try begins where the first one did: the jobs that the first made would be in its way."""
    if "jobs" in request.fixturenames:
        jobs, stash = request.getfixturevalue("jobs"), request.node.stash
        if BEGAN in stash:
            jobs.remove_since(stash[BEGAN])
        stash.setdefault(BEGAN, datetime.now(UTC))


@pytest.fixture(scope="session")
def sample(jobs: Jobs) -> str:
    """The finished job that a first start leaves."""
    found = jobs.http.get("/jobs", params={"tag": "sample"}).json()["items"]
    assert len(found) == 1
    jobs.wait(found[0]["id"], "succeeded")
    return str(found[0]["id"])


@pytest.fixture
def newest_sample(jobs: Jobs, sample: str) -> str:
    """The same job once more, so that it stands at the top of every list."""
    again = jobs.http.post(f"/jobs/{sample}/clone", json={}).json()["id"]
    jobs.wait(again, "succeeded")
    return str(again)


@asynccontextmanager
async def launched(*arguments: str) -> AsyncIterator[Browser]:
    """A browser with further arguments."""
    if CHROMIUM is None:
        pytest.skip("NO BROWSER TESTS: chromium is missing. As root: apt install chromium")
    async with async_playwright() as playwright:
        expect.set_options(timeout=PATIENCE_MS)
        found = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *arguments])
        yield found
        await found.close()


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as found:
        yield found


async def log_in(page: Page, platform: Platform) -> None:
    """Fills in the Hub's own form, which is what is shown to whoever is not logged in."""
    await page.locator("#username_input").fill("admin")
    await page.locator("#password_input").fill(platform.password)
    await page.locator("#login_submit").click()


@pytest_asyncio.fixture(scope="session")
async def login(browser: Browser, platform: Platform, base: str) -> Any:
    """The cookies of somebody who has logged in."""
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(base)
    await log_in(page, platform)
    await expect(page.get_by_role("navigation", name="Outrider")).to_be_visible()
    state = await context.storage_state()
    await context.close()
    return state


Open = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture
async def open_page(browser: Browser, base: str, login: Any) -> AsyncIterator[Open]:
    """Opens an address (a path is one below the portal's) as somebody who is logged in. Whatever the page complains of
    is a failure: an exception, a refused request, a breach of the policy."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def opened(path: str = "", *, strict: bool = True, **options: Any) -> Page:
        options = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce", **options}
        context = await browser.new_context(storage_state=login, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = await context.new_page()
        if strict:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        await page.goto(path if path.startswith("http") else base + path)
        return page

    yield opened
    for context in contexts:
        await context.close()
    assert complaints == []


async def until(what: str, look: Callable[[], Awaitable[Any]], timeout_s: float = 30) -> Any:
    """The first true answer of ``look``; fails with ``what`` when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        if found := await look():
            return found
        assert time.monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.1)
