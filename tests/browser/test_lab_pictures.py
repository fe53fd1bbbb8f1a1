"""The pictures of JupyterLab in the documentation. Only when asked for: OUTRIDER_SCREENSHOTS=1."""

import os
import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import until
from tests.browser.lab import ask_for_job, open_panel, ready, send, serve
from tests.browser.test_pictures import shoot

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.environ.get("OUTRIDER_SCREENSHOTS") != "1", reason="docs/images are kept; OUTRIDER_SCREENSHOTS=1 makes them"
    ),
]
PARAMETERS = "learning_rate = 3e-4\nbatch_size = 256\noptimizer = 'adamw'\nsteps = 2_000"
TRAIN = """
import json, math, random, time

random.seed(7)
for step in range(1, steps):
    wave = random.random()
    for series, gap in (("training", 0), ("validation", 0.08)):
        y = 0.35 + learning_rate * 6000 / (1 + step / 40) + gap + 0.1 * (wave - 0.5) * math.exp(-step / 400)
        print(json.dumps({"chart": "loss", "x": step, "y": round(y, 4), "series": series}))
    print(json.dumps({"chart": "accuracy", "x": step, "y": round(0.93 - 0.8 / (1 + step / 60) + 0.01 * wave, 4)}))
    if step % 10 == 0:
        print(f"step {step}  {900 + 60 * wave:.0f} images/s", flush=True)
    time.sleep(0.02)
"""
MAGIC = """
%%outrider --machine tiny --name "Prepare the corpus"
import time
for part in range(1, 400):
    print(f"shard {part} of 400", flush=True)
    time.sleep(0.3)
"""


@pytest.fixture(scope="module")
def server(platform: Any) -> Any:
    yield from serve(platform)


async def test_pictures(open_page: Any, server: Any, jobs: Any) -> None:
    files = server.files
    files.folder("vision")
    files.notebook("vision/finetune.ipynb", TRAIN, "print('done')", parameters=PARAMETERS)
    files.notebook("vision/prepare.ipynb", MAGIC)
    files.text("vision/model.py", "layers = 50\n")
    page = await open_page(server.address("vision/finetune.ipynb"), strict=False)
    await ready(page)
    dialog = await ask_for_job(page)
    await expect(dialog.get_by_text("Available in this image.").first).to_be_visible()
    await shoot(page, "lab-dialog")
    first = await send(page, dialog)
    dialog = None
    await page.get_by_role("tab", name="finetune.ipynb").first.click()
    dialog = await ask_for_job(page)
    await dialog.get_by_label("Value of learning_rate").fill("0.0006")
    second = await send(page, dialog)

    async def far(job: Any) -> Any:
        return jobs.lines(job) > 900

    await until("the jobs got on", lambda: far(second))
    await page.get_by_role("tab", name="Charts", exact=True).click()
    panel = await open_panel(page)
    await expect(panel.get_by_role("link", name="finetune.ipynb").first).to_be_visible()
    await expect(page.locator("canvas").first).to_be_visible()
    await shoot(page, "lab-job")
    for box in await panel.get_by_role("checkbox", name="Select finetune.ipynb").all():
        await box.check()
    await panel.get_by_role("button", name="Compare").click()
    await expect(page.get_by_role("article", name="Job comparison").locator("canvas").first).to_be_visible()
    await shoot(page, "lab-compare")
    await page.close()

    dark = await open_page(server.address("vision/prepare.ipynb"), strict=False)
    await ready(dark)
    await dark.get_by_role("menuitem", name="Settings").click()
    await dark.get_by_text("Theme", exact=True).hover()
    await dark.get_by_role("menuitem", name="JupyterLab Dark", exact=True).click()
    await expect(dark.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    await dark.locator(".jp-Cell .cm-content").first.click()
    await dark.keyboard.press("Shift+Enter")
    await expect(dark.locator(".jp-Outrider-output").get_by_text(re.compile("shard 9 of"))).to_be_visible()
    await shoot(dark, "lab-magic")
    for job in (first, second):
        jobs.http.post(f"/jobs/{job}/stop")
