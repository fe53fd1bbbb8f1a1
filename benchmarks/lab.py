"""JupyterLab in a real browser on the real platform: how long until the form is there, until a printed line is seen,
how smoothly a fast log and a large chart move, and what Lab must load for all that at its start.

Frame rates are those of Chromium without a GPU, drawing into memory; the limit is an empty page in the same browser.
"""

from __future__ import annotations

import asyncio
import gzip
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Page, Response, async_playwright, expect

from tests.browser.conftest import ARGUMENTS, CHROMIUM, Jobs, log_in
from tests.browser.lab import TITLE, LabServer, open_panel, ready, serve
from tests.integration.hub.platform_process import Platform

from .harness import Bench
from .report import Row, percentile, spread

OURS = "/lab/extensions/@outrider/jupyterlab/"
PRESSES = 10
WATCH_S = 8
PATIENCE_MS = 120_000
TICKING = "import time\nwhile True:\n    print(f'at {time.time() * 1000:.0f}', flush=True)\n    time.sleep(0.2)"
STREAMING = "for n in range(1_000_000):\n    print('line', n, 'of a million', flush=n % 1000 == 0)"
LARGE = (
    "import json\nfor n in range(1_000_000):\n    print(json.dumps({'chart': 'loss', 'x': n, 'y': (n * 7919) % 1000}))"
)

PREPARE = """() => {
  window.outriderTook = new Promise((resolve) => {
    const onDown = () => {
      const began = performance.now();
      const look = () => {
        const dialog = document.querySelector('dialog[open]');
        if (!dialog?.querySelector('.or-machine')) requestAnimationFrame(look);
        else {
          resolve(performance.now() - began);
          dialog.close();
        }
      };
      look();
    };
    document.addEventListener('mousedown', onDown, { capture: true, once: true });
  });
}"""
WATCH_LINES = """async (seconds) => {
  const seen = new Map();
  const look = () => {
    for (const line of document.querySelectorAll('.or-line')) {
      const at = /at (\\d{13})/.exec(line.textContent)?.[1];
      if (at && !seen.has(at)) seen.set(at, Date.now() - Number(at));
    }
  };
  look();
  const known = new Set(seen.keys());
  const watch = new MutationObserver(look);
  watch.observe(document.querySelector('.or-log-box'), { childList: true, subtree: true, characterData: true });
  await new Promise((done) => setTimeout(done, seconds * 1000));
  watch.disconnect();
  return [...seen].filter(([at]) => !known.has(at)).map(([, late]) => late);
}"""
FRAMES = """async ({ seconds, pan }) => {
  const over = pan ? document.querySelector('.u-over') : null;
  const gaps = [];
  const end = performance.now() + seconds * 1000;
  let last = performance.now();
  let way = 1;
  while (last < end) {
    if (over) {
      if (gaps.length % 60 === 59) way = -way;
      over.dispatchEvent(new WheelEvent('wheel', { deltaX: 12 * way, bubbles: true, cancelable: true }));
    }
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
  }
  return gaps;
}"""


def run(_: Bench) -> list[Row]:
    if CHROMIUM is None:
        raise RuntimeError("chromium is missing")
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder) / "home")
        try:
            platform.start()
            for server in serve(platform):
                with platform.service(platform.token()) as http:
                    return asyncio.run(_measure(platform, server, Jobs(http)))
        finally:
            platform.stop()
    return []


async def _measure(platform: Platform, server: LabServer, jobs: Jobs) -> list[Row]:
    expect.set_options(timeout=PATIENCE_MS)
    server.files.text("work/train.py", "print('hello')")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE_MS)
        page = await context.new_page()
        empty = await page.evaluate(FRAMES, {"seconds": 3, "pan": False})
        loaded: list[Response] = []
        page.on("response", lambda answer: loaded.append(answer) if OURS in answer.url else None)
        await page.goto(server.address("work/train.py"))
        await log_in(page, platform)
        await ready(page)
        await page.locator(".jp-Outrider-run").first.wait_for()
        await page.locator(".jp-Outrider-statusButton").wait_for()
        rows = [await _size(loaded)]
        rows += await _presses(page)
        rows.append(await _lateness(page, jobs))
        rows += await _smoothness(page, jobs, empty)
        await browser.close()
    return rows


async def _size(loaded: list[Response]) -> Row:
    sizes = {answer.url: len(gzip.compress(await answer.body())) for answer in loaded}
    note = ", ".join(f"{Path(url).name.partition('?')[0]} {size / 1000:.1f}" for url, size in sizes.items())
    return Row("loaded at Lab's start, gzipped", sum(sizes.values()) / 1000, "kB", 60, note=note)


async def _presses(page: Page) -> list[Row]:
    first = await _press(page)
    again = [await _press(page) for _ in range(PRESSES)]
    return [
        Row("button to dialog, the first time", first, "ms", note="with what is loaded for it"),
        Row("button to dialog (median)", percentile(again, 50), "ms", note=spread(again, factor=1)),
    ]


async def _press(page: Page) -> float:
    await page.evaluate(PREPARE)
    await page.get_by_role("button", name=TITLE).locator("visible=true").click()
    took = float(await page.evaluate("window.outriderTook"))
    await page.locator("dialog").wait_for(state="detached")
    return took


async def _lateness(page: Page, jobs: Jobs) -> Row:
    job = jobs.python(TICKING)
    jobs.wait(job, "running")
    await _look(page, job, "Log")
    await page.get_by_text("at 1").first.wait_for()
    late = await page.evaluate(WATCH_LINES, WATCH_S)
    jobs.http.post(f"/jobs/{job}/stop")
    return Row("printed line to visible line (p95)", percentile(late, 95), "ms", 1000, note=spread(late, factor=1))


async def _smoothness(page: Page, jobs: Jobs, empty: list[float]) -> list[Row]:
    streaming = jobs.python(STREAMING)
    jobs.wait(streaming, "running", "succeeded")
    await _look(page, streaming, "Log")
    rows = [_frames("a log of a million lines streams", await _gaps(page, False), empty)]
    jobs.wait(streaming, "succeeded")
    large = jobs.python(LARGE)
    jobs.wait(large, "succeeded")
    await _look(page, large, "Charts")
    plot = page.get_by_role("application").first
    await plot.focus()
    for _ in range(3):
        await page.keyboard.press("+")
    # Zoomed in, with the points of this part: there is somewhere to move.
    await expect(page.get_by_role("button", name="Reset zoom")).to_be_enabled()
    await page.wait_for_load_state("networkidle")
    rows.append(_frames("a chart of a million points is moved along", await _gaps(page, True), empty))
    return rows


async def _look(page: Page, job: str, tab: str) -> None:
    """By the panel, as a person does."""
    panel = await open_panel(page)
    await panel.get_by_role("searchbox").fill(job)
    await panel.locator("tbody tr").nth(1).wait_for(state="detached")
    await panel.locator(".or-rowlink").click()
    await page.get_by_role("tab", name=tab, exact=True).locator("visible=true").click()


async def _gaps(page: Page, pan: bool) -> Any:
    return await page.evaluate(FRAMES, {"seconds": WATCH_S, "pan": pan})


def _frames(what: str, gaps: list[float], empty: list[float]) -> Row:
    rate, most = 1000 / (sum(gaps) / len(gaps)), 1000 / (sum(empty) / len(empty))
    limit_is = "an empty page in the same browser"
    note = "time between frames " + spread(gaps, factor=1)
    return Row(f"frames while {what}", rate, "/s", at_least=True, limit=most, limit_is=limit_is, note=note)
