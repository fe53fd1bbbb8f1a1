"""A server that nobody uses is about to be stopped: JupyterLab warns, and "keep running" keeps it."""

from datetime import datetime
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS, log_in
from tests.browser.lab import ready
from tests.integration.hub.platform_process import Platform, eventually

pytestmark = pytest.mark.timeout(240)
IDLE_S = 40


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A platform on which servers are stopped after less than a minute."""
    made = Platform(
        tmp_path_factory.mktemp("culled") / "home", OUTRIDER_CULL_TIMEOUT=str(IDLE_S), OUTRIDER_CULL_EVERY="2"
    )
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture
def server(short: Any) -> Any:
    """The address of a notebook server that has just started."""
    token = short.token()
    try:
        yield short.start_notebook(token)
    finally:
        short.stop_notebook(token)


async def test_the_warning_comes_in_time_and_keep_running_works(browser: Any, short: Any, server: Any) -> None:
    context = await browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{server}lab")
    await log_in(page, short)
    await ready(page)
    with short.service(short.token()) as service:

        def stops_at() -> Any:
            return datetime.fromisoformat(service.get("/notebooks/-").json()["stops_at"])

        before = stops_at()
        warning = page.get_by_role("alert").filter(has_text="This server stops in")
        await expect(warning).to_be_visible(timeout=IDLE_S * 1000)
        await warning.get_by_role("button", name="Keep running").click()
        await expect(warning).to_be_hidden()
        eventually("the server was given more time", lambda: stops_at() > before)
    await context.close()
