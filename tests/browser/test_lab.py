"""Jobs from JupyterLab: the button, the form, and the job's tab, on the real platform."""

import re

import pytest
from playwright.async_api import expect

from tests.browser.lab import PARAMETERS, TRAIN, ask_for_job, ready, send, serve

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(platform):
    yield from serve(platform)


@pytest.fixture
def open_lab(open_page, server):
    async def opened(path="", *, workspace="", **options):
        page = await open_page(server.address(path, workspace), strict=False, **options)
        await ready(page)
        return page

    return opened


async def test_a_notebook_becomes_a_job_with_its_parameters(open_lab, server, jobs):
    server.files.notebook("work/train.ipynb", TRAIN, parameters=PARAMETERS)
    server.files.text("work/helper.py", "x = 1")
    page = await open_lab("work/train.ipynb")
    dialog = await ask_for_job(page)
    # What is known without asking: the image of this very server, the folder, the parameters with their types.
    await expect(dialog.get_by_label("Image")).to_have_value("outrider/python")
    await expect(dialog.get_by_text(re.compile(r"2 files"))).to_be_visible()
    await expect(dialog.get_by_label("Type of steps")).to_have_value("number")
    await expect(dialog.get_by_label("Type of fast")).to_have_value("yes or no")
    await expect(dialog.get_by_label("Value of name")).to_have_value("first")
    await expect(dialog.get_by_role("radio", name="Small")).to_be_checked()
    await expect(dialog.get_by_text("0.18 / h").last).to_be_visible()
    checks = dialog.get_by_role("region", name="Checked before sending")
    await expect(checks.get_by_text("Packages fits")).to_be_visible()
    await dialog.get_by_label("Value of lr").fill("much")
    await expect(dialog.get_by_text("“lr” must be a number.")).to_be_visible()
    await dialog.get_by_label("Value of lr").fill("0.5")
    job = await send(page, dialog)
    assert jobs.get(job)["params"] == {"steps": 1000, "lr": 0.5, "name": "first", "fast": False}
    assert jobs.get(job)["notebook"] == "train.ipynb"

    # The job's tab: lines while it runs, a chart that moves.
    await expect(page.get_by_role("tab", name="train.ipynb")).to_have_count(2)
    log = page.get_by_role("region", name=re.compile("^Log, "))
    await expect(log.get_by_text(re.compile(r"step \d+ of many")).first).to_be_visible()
    await page.get_by_role("tab", name="Charts").click()
    value = page.get_by_role("region", name="loss", exact=True).locator(".or-legend strong").first
    before = await value.inner_text()
    await expect(value).not_to_have_text(before)

    # A reload in the middle loses nothing: the tab is there again, on the same charts.
    await page.reload()
    await ready(page)
    await expect(page.get_by_role("region", name="loss", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("button", name="Stop it").click()
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")
