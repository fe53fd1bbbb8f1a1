"""The page of jobs in a real browser, with 100,000 jobs behind it: how long until it can be used.

From the beginning of the navigation until the rows are painted and the page answers to a key, measured by the
browser's own clock. Everything is what a person has: the Hub's proxy, the login's cookie, the admin's list of
everybody's jobs. The limit is the same request for the rows by itself, over the same proxy.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import httpx
import yaml
from playwright.async_api import Browser, Page, async_playwright, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM, log_in
from tests.integration.hub.platform_process import Platform

from . import listing
from .fill import Filler, sqlite_url
from .harness import ONLY_HELD, Bench, catalog
from .report import Row, percentile, spread

VISITS = 20
ROWS = 25
GOAL_MS = 1000
PATIENCE_MS = 60_000
PAGE = "/services/outrider/jobs"

WATCH = f"""() => {{
  const rows = () => document.querySelectorAll('.or-jobs:not(.or-dim) tbody tr');
  window.outriderUsable = (shown) => new Promise((resolve) => {{
    const look = () => {{
      const found = rows();
      if (found.length !== {ROWS} || !shown(found[0])) {{
        requestAnimationFrame(look);
        return;
      }}
      // Painted, and nothing that would keep a key waiting is left to do.
      requestAnimationFrame(() => setTimeout(() => resolve(performance.now()), 0));
    }};
    look();
  }});
  window.outriderArrived = window.outriderUsable(() => true);
}}"""
SHOW_FAILED = """async () => {
  const before = document.querySelector('.or-jobs tbody tr').textContent;
  const began = performance.now();
  [...document.querySelectorAll('.or-choices button')].find((one) => one.textContent === 'Failed').click();
  return (await window.outriderUsable((row) => row.textContent !== before)) - began;
}"""


def job_row(n: int) -> dict[str, Any]:
    """As in the benchmark of the lists, but what waits there has succeeded: nothing runs beside the measurement."""
    made = listing.row(n)
    if made["status"] == "pending":
        made |= {"status": "succeeded", "attempt": 1, "reason": "exited", "finished_at": time.time()}
    return made


def run(bench: Bench) -> list[Row]:
    if CHROMIUM is None:
        raise RuntimeError("chromium is missing")
    platform = Platform(bench.folder / "page")
    (platform.home / "catalog.yaml").write_text(yaml.safe_dump(catalog(ONLY_HELD)))
    platform.start()
    platform.stop()
    filler = Filler(sqlite_url(platform.home / "outrider.db"))
    filler.jobs(listing.JOBS, row=job_row, tags_of=listing.tags_of)
    filler.close()
    platform.start()
    try:
        return asyncio.run(_measure(platform))
    finally:
        platform.stop()


async def _measure(platform: Platform) -> list[Row]:
    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(platform.pages + PAGE)
        await log_in(page, platform)
        await expect(page.locator(".or-jobs tbody tr")).to_have_count(ROWS)
        login = await context.storage_state()
        first, again, narrowed = [], [], []
        for _ in range(VISITS):
            arrived, later, failed = await _visit(browser, platform, login)
            first.append(arrived)
            again.append(later)
            narrowed.append(failed)
        await browser.close()
    alone = _rows_alone(platform)
    jobs = f"the page of {listing.JOBS:,} jobs"
    return [
        Row(
            f"{jobs}: usable, nothing cached (p95)", percentile(first, 95), "ms", GOAL_MS, note=spread(first, factor=1)
        ),
        Row(f"{jobs}: usable, seen before (p95)", percentile(again, 95), "ms", GOAL_MS, note=spread(again, factor=1)),
        Row(
            f"{jobs}: narrowed by a click (p95)",
            percentile(narrowed, 95),
            "ms",
            limit=percentile(alone, 95),
            limit_is="the request for its rows",
            note=spread(narrowed, factor=1),
        ),
    ]


async def _visit(browser: Browser, platform: Platform, login: Any) -> tuple[float, float, float]:
    """Milliseconds until the page can be used: with an empty cache, loaded again, and after a click on a filter."""
    context = await browser.new_context(storage_state=login, viewport={"width": 1280, "height": 800})
    context.set_default_timeout(PATIENCE_MS)
    await context.add_init_script(f"({WATCH})()")
    page = await context.new_page()
    await page.goto(platform.pages + PAGE)
    first = await _arrived(page)
    await page.reload()
    again = await _arrived(page)
    narrowed = float(await page.evaluate(SHOW_FAILED))
    await context.close()
    return first, again, narrowed


async def _arrived(page: Page) -> float:
    return float(await page.evaluate("window.outriderArrived"))


def _rows_alone(platform: Platform) -> list[float]:
    token = platform.token()
    headers = {"Authorization": f"token {token}"}
    times = []
    with httpx.Client(base_url=platform.url, headers=headers, timeout=30) as http:
        for _ in range(VISITS):
            began = time.perf_counter()
            answer = http.get("/services/outrider/api/v1/jobs", params={"limit": ROWS, "status": "failed"})
            times.append((time.perf_counter() - began) * 1000)
            assert len(answer.json()["items"]) == ROWS
    return times
