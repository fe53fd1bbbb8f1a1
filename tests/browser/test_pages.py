"""What a person does with the pages: log in, look at jobs, watch one, stop it, understand why one failed."""

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.conftest import STEP, TRAINING, log_in, until

pytestmark = pytest.mark.timeout(240)


async def test_a_login_leads_to_the_page_that_was_asked_for(
    browser: Any, platform: Any, base: Any, sample: Any
) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{base}jobs/{sample}/log?line=3")
    await log_in(page, platform)
    await expect(page.get_by_role("heading", level=1)).to_have_text("Sample: first training")
    await expect(page).to_have_url(f"{base}jobs/{sample}/log?line=3")
    await expect(page.get_by_role("complementary", name="Line 3")).to_be_visible()
    await context.close()


async def test_from_home_to_the_sample_job_and_back(open_page: Any, base: Any, newest_sample: Any) -> None:
    page = await open_page()
    await expect(page.get_by_role("region", name="Machines")).to_contain_text("Small")
    await expect(page.locator(".portal-figures")).to_contain_text("Current cost per hour")
    await page.get_by_role("link", name="Sample: first training").first.click()
    await expect(page).to_have_url(f"{base}jobs/{newest_sample}")
    await expect(page.locator(".or-job-title")).to_contain_text("Succeeded")
    await expect(page.get_by_role("tabpanel")).to_contain_text("python train.py")
    await page.get_by_role("tab", name="Timeline").click()
    await expect(page.get_by_role("tabpanel")).to_contain_text("The command is running.")
    await page.go_back()
    await expect(page.get_by_role("tab", name="Overview")).to_have_attribute("aria-selected", "true")
    await page.go_back()
    await expect(page).to_have_url(base)
    await expect(page.get_by_role("region", name="Recent jobs")).to_be_visible()


async def test_the_log_has_every_line(open_page: Any, jobs: Any, sample: Any) -> None:
    page = await open_page(f"jobs/{sample}/log")
    await expect(page.get_by_text("done: test accuracy")).to_be_visible()
    log = page.get_by_role("region", name=re.compile(r"^Log, \d+ lines"))
    await expect(log).to_have_attribute("aria-label", re.compile(f"^Log, {jobs.lines(sample)} lines"))
    await log.focus()
    await page.keyboard.press("Home")
    await expect(page.get_by_role("button", name="Line 1", exact=True)).to_be_visible()
    await page.get_by_role("searchbox", name="Search log").fill("EPOCH 7/")
    await expect(page.locator(".or-log-said")).to_have_text("1 of 1")
    await expect(page.locator(".or-line-found")).to_contain_text("epoch 7/40")
    await page.get_by_role("button", name="Timestamps").click()
    await expect(page.locator(".or-line-time").first).to_have_text(re.compile(r"\d\d:\d\d:\d\d\.\d{3}"))
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    saved = await (await download.value).path()
    assert len(saved.read_text().splitlines()) == jobs.lines(sample)


async def test_charts_show_what_was_printed_and_measured(open_page: Any, sample: Any) -> None:
    page = await open_page(f"jobs/{sample}/charts")
    loss = page.get_by_role("region", name="loss", exact=True)
    await expect(loss.locator("canvas")).to_be_visible()
    await expect(loss.get_by_role("button", name=re.compile("^training 0.2"))).to_be_visible()
    await expect(page.get_by_role("region", name="Memory", exact=True)).to_be_visible()
    # The cursor of one chart is that of all: the same step, and the values there.
    box = await loss.locator(".u-over").bounding_box()
    await page.mouse.move(box["x"] + 2, box["y"] + 20)
    accuracy = page.get_by_role("region", name="accuracy", exact=True)
    await expect(accuracy.locator("header")).to_contain_text("epoch 1")
    await expect(loss.get_by_role("button", name=re.compile("^training 0.6"))).to_be_visible()
    await page.get_by_role("button", name="Time", exact=True).click()
    await page.mouse.move(box["x"] + 2, box["y"] + 20)
    await expect(accuracy.locator("header")).to_contain_text(re.compile(r"\d:\d\d"))
    for control in ("Log scale", "Step"):
        await page.get_by_role("button", name=control, exact=True).click()
    await page.get_by_role("slider").fill("0.9")
    await expect(loss.locator(".or-legend .or-faint").first).to_be_visible()


async def test_a_point_leads_to_its_log_line_and_back(open_page: Any, base: Any, sample: Any) -> None:
    page = await open_page(f"jobs/{sample}/charts")
    loss = page.get_by_role("region", name="loss", exact=True)
    over = loss.locator(".u-over")
    box = await over.bounding_box()
    await over.click(position={"x": box["width"] / 2, "y": box["height"] / 2})
    await loss.get_by_role("button", name=re.compile(r"^Line \d+")).click()
    await expect(page).to_have_url(re.compile(r"/log\?line=\d+$"))
    line = page.locator(".or-line-chosen")
    await expect(line).to_contain_text('"chart": "loss"')
    printed = await line.locator(".or-line-text").inner_text()
    await page.get_by_role("button", name="Show in chart “loss”").click()
    await expect(page).to_have_url(re.compile(r"/charts\?"))
    y = re.search(r'"y": ([\d.]+)', printed)[1]  # type: ignore[index]
    await expect(loss.locator(".or-kept strong")).to_have_text(f"{float(y):.4g}")


async def test_dragging_zooms_all_charts(open_page: Any, sample: Any) -> None:
    page = await open_page(f"jobs/{sample}/charts")
    over = page.get_by_role("region", name="loss", exact=True).locator(".u-over")
    box = await over.bounding_box()
    whole = page.get_by_role("button", name="Reset zoom")
    await expect(whole).to_be_disabled()
    await page.mouse.move(box["x"] + 40, box["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 140, box["y"] + 60, steps=5)
    await page.mouse.up()
    await expect(whole).to_be_enabled()
    await whole.click()
    await expect(whole).to_be_disabled()


async def test_zooming_into_very_many_points_brings_them(open_page: Any, jobs: Any) -> None:
    points = 200_000
    job = jobs.python(
        f'for i in range({points}): print(\'{{"chart": "many", "x": %d, "y": %d}}\' % (i, i % 1000))',
        name="Many points",
    )
    jobs.wait(job, "succeeded")
    page = await open_page(f"jobs/{job}/charts")
    chart = page.get_by_role("region", name="many", exact=True)
    box = await chart.locator(".u-over").bounding_box()
    await page.mouse.move(box["x"] + 200, box["y"] + 40)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 204, box["y"] + 40, steps=3)
    async with page.expect_response(lambda answer: "/metrics/many?" in answer.url) as response:
        await page.mouse.up()
    [series] = (await (await response.value).json())["series"]
    assert series["x"][11] - series["x"][1] == 10, "the part in its own resolution"
    assert max(series["x"]) - min(series["x"]) < points / 20
    # The arrow keys now go from point to point, where before they went over hundreds.
    plot = chart.get_by_role("application")
    await plot.focus()
    said = chart.locator("[aria-live]")

    async def step() -> Any:
        await page.keyboard.press("ArrowRight")
        return int((await said.inner_text()).split(":")[0].replace(",", ""))

    await page.mouse.move(box["x"] + 100, box["y"] + 40)
    first = await step()
    assert await step() - first < 10


async def test_artifacts_can_be_looked_at_and_fetched(open_page: Any, jobs: Any) -> None:
    job = jobs.python(
        "import os, json, base64\n"
        "root = os.environ['OUTRIDER_ARTIFACTS']; os.makedirs(root + '/plots & more')\n"
        "open(root + '/table.csv', 'w').write('name,score\\n\"a, b\",1\\nc,2\\n')\n"
        "open(root + '/page.html', 'w').write('<script>parent.document.title = 1</script>hello')\n"
        "open(root + '/model.bin', 'wb').write(bytes(1000))\n"
        "json.dump({'weights': [1, 2]}, open(root + '/model.json', 'w'))\n"
        "png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='\n"
        "open(root + '/plots & more/dot #1.png', 'wb').write(base64.b64decode(png))\n",
        name="Leaves artifacts",
    )
    jobs.wait(job, "succeeded")
    page = await open_page(f"jobs/{job}/artifacts")
    files = page.get_by_role("region", name="Artifacts")
    await files.get_by_role("link", name="table.csv", exact=True).click()
    await expect(page.get_by_role("cell", name="a, b")).to_be_visible()
    await files.get_by_role("link", name="model.json", exact=True).click()
    await expect(page.get_by_role("region", name="Contents")).to_contain_text('"weights": [')
    await files.get_by_role("link", name="model.bin", exact=True).click()
    await expect(page.get_by_text("Binary file.")).to_be_visible()
    await files.get_by_role("link", name="page.html", exact=True).click()
    await expect(page.get_by_role("region", name="Contents")).to_contain_text("<script>")
    await files.get_by_role("link", name="plots & more/").click()
    await files.get_by_role("link", name="dot #1.png", exact=True).click()
    picture = page.get_by_role("img", name="dot #1.png")
    await until("the image is loaded", lambda: picture.evaluate("image => image.naturalWidth"))
    async with page.expect_download() as download:
        await page.get_by_role("region", name="Preview of dot #1.png").get_by_role("link", name="Download").click()
    assert (await (await download.value).path()).read_bytes().startswith(b"\x89PNG")
    await page.get_by_role("link", name="/artifacts").click()
    await expect(files.get_by_role("link", name="table.csv", exact=True)).to_be_visible()


async def test_watch_a_job_and_stop_it(open_page: Any, jobs: Any) -> None:
    job = jobs.python(TRAINING, name="Fine-tune the classifier", params={"lr": 3e-4}, tags=["nightly"], project="demo")
    listed = await open_page("jobs")
    row = listed.get_by_role("row", name=re.compile("Fine-tune the classifier"))
    await expect(row).to_contain_text("Running")
    page = await open_page(f"jobs/{job}/log")
    count = page.locator(".or-log-count")
    await expect(page.get_by_text(STEP).first).to_be_visible()
    first = await count.inner_text()
    await expect(count).not_to_have_text(first)
    await until("more lines than fit are there", lambda: page.locator(".or-line-n").nth(22).is_visible())
    # Who scrolls up is left in peace; the end is followed again on request.
    log = page.get_by_role("region", name=re.compile("^Log, "))
    follow = page.get_by_role("button", name="Follow")
    await expect(follow).to_have_attribute("aria-pressed", "true")
    await log.focus()
    await page.keyboard.press("Home")
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await expect(page.get_by_role("button", name="Line 1", exact=True)).to_be_visible()
    await follow.click()
    await expect(page.get_by_role("button", name="Line 1", exact=True)).to_be_hidden()

    await page.get_by_role("tab", name="Charts").click()
    value = page.get_by_role("region", name="loss", exact=True).locator(".or-legend strong").first
    before = await value.inner_text()
    await expect(value).not_to_have_text(before)
    await page.get_by_role("tab", name="Overview").click()
    await expect(page.get_by_role("heading", name="Latest values")).to_be_visible()

    await page.get_by_role("button", name="Stop", exact=True).click()
    await page.get_by_role("button", name="Stop job").click()
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_hidden()
    await expect(row).to_contain_text("Cancelled")
    assert jobs.get(job)["reason"] == "cancelled_by_user"
    assert await page.title() == "Fine-tune the classifier (cancelled) · Outrider"


async def test_a_reload_in_the_middle_loses_nothing(open_page: Any, jobs: Any) -> None:
    job = jobs.python(TRAINING, name="Reloaded")
    page = await open_page(f"jobs/{job}/log")
    await expect(page.get_by_text(STEP).first).to_be_visible()
    await page.reload()
    await expect(page.locator(".or-line").first).to_be_visible()
    await page.get_by_role("region", name=re.compile("^Log, ")).focus()
    await page.keyboard.press("Home")
    for n in range(1, 10):
        await expect(page.get_by_role("button", name=f"Line {n}", exact=True)).to_be_visible()
    jobs.http.post(f"/jobs/{job}/stop")


async def test_a_failure_says_why_and_what_may_help(open_page: Any, jobs: Any) -> None:
    job = jobs.python("print('loading')\nimport surely_not_installed", name="Fails", project="demo")
    jobs.wait(job, "failed")
    page = await open_page(f"jobs/{job}")
    card = page.get_by_role("region", name=re.compile("the command failed"))
    await expect(card).to_contain_text("Exit code 1")
    await expect(card.get_by_role("region", name="Relevant log lines")).to_contain_text("ModuleNotFoundError")
    await expect(card).to_contain_text("The image does not have the Python package “surely_not_installed”")
    await card.get_by_role("button", name="Show in log").click()
    await expect(page.locator(".or-line-chosen")).to_contain_text("ModuleNotFoundError")
    await page.go_back()
    await card.get_by_role("button", name="Run again").click()
    await expect(page).not_to_have_url(re.compile(job))
    await expect(page.get_by_role("tabpanel")).to_contain_text(job)  # "Rerun of"


async def test_out_of_memory_offers_a_larger_machine(open_page: Any, jobs: Any) -> None:
    job = jobs.python("x = []\nwhile True: x.append(bytearray(b'1' * 10_000_000))", machine="tiny", name="Needs more")
    assert jobs.wait(job)["reason"] == "out_of_memory"
    page = await open_page(f"jobs/{job}")
    await expect(page.get_by_role("heading", name=re.compile("Out of memory"))).to_be_visible()
    await page.get_by_role("button", name="Run again on Small (1 GiB)").click()
    await expect(page).not_to_have_url(re.compile(job))
    await expect(page.locator(".or-summary")).to_contain_text("small")
    again = page.url.rsplit("/", 1)[1]
    assert jobs.get(again)["machine"] == "small"
    jobs.http.delete(f"/jobs/{again}")


async def test_delete_asks_first(open_page: Any, jobs: Any, base: Any) -> None:
    job = jobs.submit("true", name="Short-lived")
    jobs.wait(job)
    page = await open_page(f"jobs/{job}")
    await page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete Short-lived?")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(dialog).to_be_hidden()
    assert jobs.get(job)["status"] == "succeeded"
    await page.get_by_role("button", name="Delete", exact=True).click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(page).to_have_url(f"{base}jobs")
    assert jobs.http.get(f"/jobs/{job}").status_code == 404


async def test_the_list_filters_and_pages_on_the_server(open_page: Any, jobs: Any, base: Any) -> None:
    for n in range(30):
        jobs.submit("true", name=f"Batch {n}", machine="giant", tags=["batch"])
    page = await open_page("jobs?tag=batch")
    rows = page.locator(".or-jobs tbody tr")
    await expect(rows).to_have_count(25)
    await expect(page.get_by_role("link", name="Batch 29", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Older").click()
    await expect(rows).to_have_count(5)
    await expect(page.get_by_role("link", name="Batch 0", exact=True)).to_be_visible()
    await page.go_back()
    await expect(rows).to_have_count(25)
    await page.get_by_role("searchbox").fill("batch 17")
    await expect(rows).to_have_count(1)
    await page.get_by_role("button", name="Succeeded").click()
    await expect(page.get_by_text("No jobs match these filters.")).to_be_visible()
    await page.get_by_role("button", name="Failed").click()
    await expect(rows).to_have_count(1)
    # One, from its row: asked first.
    waiting = jobs.submit("sleep 300", name="Stopped in its row", tags=["row"])
    await page.goto(f"{base}jobs?tag=row")
    await page.get_by_role("button", name="Stop Stopped in its row").click()
    await page.get_by_role("dialog").get_by_role("button", name="Stop job").click()
    await expect(rows.first).to_contain_text("Cancelled")
    jobs.http.delete(f"/jobs/{waiting}")
    # Several at once.
    await page.goto(f"{base}jobs?tag=batch&show=failed")
    await expect(rows).to_have_count(25)
    await page.get_by_role("checkbox", name="Select all jobs on this page").check()
    await page.get_by_role("region", name="Selected jobs").get_by_role("button", name="Delete").click()
    await page.get_by_role("dialog", name="Delete 25 jobs?").get_by_role("button", name="Delete").click()
    await expect(rows).to_have_count(5)
    await page.get_by_role("button", name="Remove filter tag: batch").click()
    await page.get_by_role("button", name="All", exact=True).click()
    await expect(page).to_have_url(f"{base}jobs")
    await expect(page.get_by_role("link", name="Sample: first training").first).to_be_visible()


async def test_a_log_of_very_many_lines_scrolls(open_page: Any, jobs: Any) -> None:
    many = 900_000
    job = jobs.python(f"for i in range({many}): print('number', i + 1)", name="Prints a lot")
    jobs.wait(job, "succeeded")
    page = await open_page(f"jobs/{job}/log")
    await expect(page.get_by_text(f"number {many}", exact=True)).to_be_visible()
    log = page.get_by_role("region", name=re.compile("^Log, "))
    await log.focus()
    await page.keyboard.press("Home")
    await expect(page.get_by_text("number 1", exact=True)).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("PageDown")
    await expect(page.get_by_text("number 1", exact=True)).to_be_hidden()
    # By the scroll bar into the middle: every line that is drawn is the right one.
    await log.evaluate("box => { box.scrollTop = box.scrollHeight / 2 }")
    await expect(page.locator(".or-line").nth(20)).to_contain_text("number")
    drawn = "lines => lines.map(line => [...line.children].map(part => part.textContent))"
    for n, words in await page.locator(".or-line").evaluate_all(drawn):
        assert words in (f"number {n}", "…")
    # The wheel moves by lines, also where the scroll bar is shorter than the text.
    before = int((await page.locator(".or-line-n").first.inner_text()).strip())
    await log.hover()
    await page.mouse.wheel(0, 100)
    await until(
        "the wheel moved five lines",
        lambda: page.locator(".or-line-n").first.evaluate(f"line => Number(line.textContent) === {before} + 5"),
    )
    await page.get_by_role("searchbox", name="Search log").fill(f"number {many - 1}")
    await expect(page.locator(".or-line-found")).to_have_text(re.compile(f"number {many - 1}$"))
    assert await page.locator(".or-line").count() < 100, "only what is in view is drawn"


async def test_the_service_dies_and_the_page_goes_on(open_page: Any, platform: Any, jobs: Any) -> None:
    import os
    import signal

    job = jobs.python(TRAINING, name="Survives")
    page = await open_page(f"jobs/{job}/log", strict=False)
    count = page.locator(".or-log-count")
    await expect(page.get_by_text(STEP).first).to_be_visible()
    for pid in platform.pids("-m outrider_service"):
        os.kill(pid, signal.SIGKILL)
    await expect(page.locator(".portal-connection")).to_contain_text("Connection lost")
    await expect(page.locator(".portal-connection")).to_be_empty(timeout=90_000)
    seen = await count.inner_text()
    await expect(count).not_to_have_text(seen)
    numbers = [int(text) for text in await page.locator(".or-line-n").all_inner_texts()]
    assert numbers == list(range(numbers[0], numbers[-1] + 1))
    jobs.http.post(f"/jobs/{job}/stop")
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")


async def test_somebody_elses_or_no_job(open_page: Any) -> None:
    page = await open_page("jobs/j000000000000", strict=False)
    await expect(page.get_by_text("Job not found.")).to_be_visible()
    page = await open_page("nowhere", strict=False)
    await expect(page.get_by_text("Page not found")).to_be_visible()


async def test_a_login_that_is_over_is_said(browser: Any, platform: Any, base: Any, newest_sample: Any) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{base}jobs")
    await log_in(page, platform)
    await expect(page.get_by_role("link", name="Sample: first training").first).to_be_visible()
    await context.clear_cookies()
    await page.get_by_role("link", name="Sample: first training").first.click()
    await page.get_by_role("link", name="Log in again").click()
    await log_in(page, platform)
    await expect(page).to_have_url(f"{base}jobs/{newest_sample}")
    await expect(page.locator(".or-job-title")).to_contain_text("Succeeded")
    await page.get_by_role("link", name="Log out").click()
    await expect(page.locator("#username_input")).to_be_visible()
    await context.close()
