"""Jobs from JupyterLab: the button, the form, and the job's tab, on the real platform."""

import re
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import PATIENCE_MS, TRAINING, until
from tests.browser.lab import PARAMETERS, TITLE, TRAIN, ask_for_job, open_panel, press_until, ready, send, serve

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def server(platform: Any) -> Any:
    yield from serve(platform)


@pytest_asyncio.fixture(scope="module")
async def context(browser: Any, login: Any) -> Any:
    """One browser for all of these tests: Lab's own files are fetched once."""
    made = await browser.new_context(
        storage_state=login, viewport={"width": 1280, "height": 800}, reduced_motion="reduce"
    )
    made.set_default_timeout(PATIENCE_MS)
    yield made
    await made.close()


@pytest_asyncio.fixture
async def open_lab(context: Any, server: Any) -> Any:
    pages = []

    async def opened(path: Any = "") -> Any:
        page = await context.new_page()
        pages.append(page)
        await page.goto(server.address(path))
        await ready(page)
        if path:
            # It comes to the front when it is there, before whatever was opened meanwhile.
            await expect(page.get_by_role("tab", name=path.rpartition("/")[2]).first).to_be_visible()
        return page

    yield opened
    for page in pages:
        # Whatever was changed and not saved is of no use to anybody.
        await page.close(run_before_unload=False)


async def test_a_notebook_becomes_a_job_with_its_parameters(open_lab: Any, server: Any, jobs: Any) -> None:
    server.files.notebook("work/train.ipynb", TRAIN, parameters=PARAMETERS)
    server.files.text("work/helper.py", "x = 1")
    page = await open_lab("work/train.ipynb")
    await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    dialog = await ask_for_job(page)
    # What is known without asking: the image of this very server, the folder, the parameters with their types.
    await expect(dialog.get_by_label("Image")).to_have_value("outrider/python")
    await expect(dialog.get_by_text(re.compile(r"2 files"))).to_be_visible()
    await expect(dialog.get_by_label("Type of steps")).to_have_value("number")
    await expect(dialog.get_by_label("Type of fast")).to_have_value("boolean")
    await expect(dialog.get_by_label("Value of name")).to_have_value("first")
    await expect(dialog.get_by_role("radio", name="Small")).to_be_checked()
    await expect(dialog.get_by_text("0.18 / h").last).to_be_visible()
    checks = dialog.get_by_role("region", name="Preflight checks")
    await expect(checks.get_by_text("Available in this image.")).to_have_count(2)  # packages and kernel
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
    await page.get_by_role("button", name="Stop job").click()
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")


async def test_the_executed_notebook_opens_while_it_runs(open_lab: Any, server: Any, jobs: Any) -> None:
    gate = "import os, time\nprint('first is', 6 * 7)"
    wait = "while not os.path.exists('/storage/go-on'): time.sleep(0.1)\nprint('second is', 6 * 8)"
    server.files.notebook("work/cells.ipynb", gate, wait, "print('third')")
    page = await open_lab("work/cells.ipynb")
    await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    job = await send(page, await ask_for_job(page))
    await expect(page.get_by_role("region", name=re.compile("^Log, ")).get_by_text("first is 42")).to_be_visible()
    await page.get_by_role("button", name="Open notebook").click()
    result = page.locator(".jp-Outrider-result")
    await expect(result.locator(".jp-OutputArea-output").first).to_contain_text("first is 42")
    await expect(result.locator(".jp-OutputArea-output")).to_have_count(1)
    await expect(result.get_by_text("1 / 3")).to_be_visible()
    assert jobs.http.put("/storage/go-on", content=b"").status_code < 300
    await expect(result.locator(".jp-OutputArea-output").nth(1)).to_contain_text("second is 48")
    await expect(result.get_by_text("Succeeded")).to_be_visible()
    await expect(result.locator(".jp-OutputArea-output")).to_have_count(3)
    jobs.http.delete("/storage/go-on")
    assert jobs.get(job)["progress"]["done"] == 3


async def test_a_script_from_the_file_browser_and_what_is_remembered(open_lab: Any, server: Any, jobs: Any) -> None:
    server.files.text("work/report.py", "import surely_not_there\nprint('never')\n")
    server.files.text("work/notes.md", "# Not to be run")
    page = await open_lab("work/notes.md")
    # Documents that cannot be run have no button, whatever the file browser has chosen.
    listing = page.locator(".jp-DirListing")
    await listing.get_by_text("report.py").click()
    await expect(page.get_by_role("button", name=TITLE)).to_have_count(0)
    await listing.get_by_text("report.py").click(button="right")
    await page.get_by_role("menuitem", name=TITLE).click()
    dialog = page.get_by_role("dialog", name="Run report.py as a job")
    await expect(dialog.get_by_label("Command")).to_have_value("python report.py")
    # A "no" says what to change.
    await expect(dialog.get_by_text("Missing in this image: surely_not_there")).to_be_visible()
    await dialog.get_by_role("radio", name="Giant").check()
    await expect(dialog.get_by_text("use a smaller type")).to_be_visible()
    await dialog.get_by_role("radio", name="Tiny").check()
    await dialog.get_by_text("More options").click()
    await dialog.get_by_label("Timeout").fill("soon")
    await expect(dialog.get_by_text("Enter a duration, such as 90 s")).to_be_visible()
    await dialog.get_by_label("Timeout").fill("2 min")
    await dialog.get_by_label("Tags").fill("from-lab")
    job = await send(page, dialog)
    assert jobs.get(job)["timeout_s"] == 120

    # It fails, and its card says why.
    await page.get_by_role("tab", name="Overview").click()
    card = page.get_by_role("region", name=re.compile("the command failed"))
    await expect(card).to_contain_text("The image does not have the Python package “surely_not_there”")

    # The next time the form is as it was left.
    await listing.get_by_text("report.py").click(button="right")
    await page.get_by_role("menuitem", name=TITLE).click()
    await expect(dialog.get_by_role("radio", name="Tiny")).to_be_checked()
    await dialog.get_by_text("More options").click()
    await expect(dialog.get_by_label("Timeout")).to_have_value("2 min")
    await page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()


async def test_the_panel_follows_what_the_command_line_does(open_lab: Any, jobs: Any, platform: Any) -> None:
    page = await open_lab()
    await press_until(page, "Alt+Shift+J", page.get_by_role("region", name="Outrider jobs"))
    panel = await open_panel(page)
    ids = [jobs.python(TRAINING, name=f"From the shell {n}", params={"lr": n}, tags=["shell"]) for n in (1, 2)]
    row = panel.get_by_role("row", name=re.compile("From the shell 1"))
    await expect(row).to_contain_text("Running")
    # Two at once: compared on one chart.
    for n in (1, 2):
        await panel.get_by_role("checkbox", name=f"Select From the shell {n}").check()
    await panel.get_by_role("button", name="Compare").click()
    compared = page.get_by_role("article", name="Job comparison")
    await expect(compared.get_by_role("columnheader", name="lr")).to_be_visible()
    loss = compared.get_by_role("region", name="loss", exact=True)
    await expect(loss.get_by_role("button", name=re.compile("From the shell 1, training"))).to_be_visible()
    await expect(loss.get_by_role("button", name=re.compile("From the shell 2, training"))).to_be_visible()
    await expect(loss.locator("canvas")).to_be_visible()
    # Stopped from the panel.
    await panel.get_by_role("button", name="Stop From the shell 1").click()
    await page.get_by_role("button", name="Stop job").click()
    await expect(row).to_contain_text("Cancelled")
    assert jobs.wait(ids[0])["reason"] == "cancelled_by_user"
    await panel.get_by_role("link", name="From the shell 2").click()
    await expect(page.locator(".or-job-title")).to_contain_text("From the shell 2")
    jobs.http.post(f"/jobs/{ids[1]}/stop")
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")


async def test_an_artifact_is_opened_and_copied(open_lab: Any, server: Any, jobs: Any) -> None:
    job = jobs.submit(
        "printf 'a,b\\n1,2\\n' > /artifacts/table.csv; echo '<svg/>' > '/artifacts/a b.svg'", name="Leaves"
    )
    jobs.wait(job, "succeeded")
    page = await open_lab("work/helper.py") if server.files.exists("work/helper.py") else await open_lab()
    panel = await open_panel(page)
    await panel.get_by_role("link", name="Leaves").click()
    await page.get_by_role("tab", name="Artifacts").click()
    await page.get_by_role("button", name="Copy a b.svg to my files").click()
    await expect(page.get_by_text(re.compile(r"Copied to .*a b( \(\d+\))?\.svg"))).to_be_visible()
    await page.get_by_role("link", name="table.csv", exact=True).click()
    preview = page.get_by_role("region", name="Preview of table.csv")
    await expect(preview.get_by_role("columnheader", name="a")).to_be_visible()
    await preview.get_by_role("button", name="Open").click()
    await expect(page.locator(".jp-CSVViewer")).to_be_visible()


async def test_a_cell_goes_away_as_a_job(open_lab: Any, server: Any, jobs: Any) -> None:
    server.files.notebook("work/magic.ipynb", "%%outrider --machine tiny --tag magic\nprint('from', 'afar')")
    page = await open_lab("work/magic.ipynb")
    await expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    await page.locator(".jp-Cell .cm-content").first.click()
    await page.keyboard.press("Shift+Enter")
    output = page.locator(".jp-Outrider-output")
    await expect(output.get_by_text("from afar", exact=True)).to_be_visible()
    await expect(output.locator(".or-job-title")).to_contain_text("Succeeded")
    await page.keyboard.press("Control+S")

    async def saved() -> Any:
        content = server.files.read("work/magic.ipynb")
        cell = content["cells"][0] if content else {"outputs": []}
        return cell["outputs"] and "succeeded" in "".join(cell["outputs"][0]["data"]["text/plain"])

    await until("the file says how it ended", saved)
    # Opened again, it is alive again.
    await page.reload()
    await ready(page)
    await expect(page.locator(".jp-Outrider-output .or-job-title")).to_contain_text("Succeeded")
    (found,) = jobs.http.get("/jobs", params={"tag": "magic"}).json()["items"]
    assert found["machine"] == "tiny"


async def test_the_status_bar_says_what_is_used(open_lab: Any) -> None:
    page = await open_lab()
    item = page.locator(".jp-Outrider-statusButton")
    await expect(item).to_contain_text(re.compile(r"\d\.\d of 1\.0 GiB · stops in 1\d h"))
    await item.click()
    dialog = page.locator(".jp-Dialog")
    await expect(dialog).to_contain_text("small")
    async with page.expect_response(lambda answer: answer.url.endswith("/outrider/keep")) as kept:
        await dialog.get_by_role("button", name="Keep running").click()
    assert (await kept.value).status == 200


async def test_by_keyboard_alone(open_lab: Any, server: Any, jobs: Any) -> None:
    server.files.text("work/hello.sh", "echo hello from the keyboard")
    page = await open_lab("work/hello.sh")
    await expect(page.locator(".jp-FileEditor .cm-content")).to_be_visible()
    dialog = page.get_by_role("dialog", name="Run hello.sh as a job")
    await press_until(page, "Alt+J", dialog)
    await expect(dialog.get_by_text("free now").first).to_be_visible()
    for _ in range(40):
        if await page.evaluate("document.activeElement.textContent") == "Run job":
            break
        await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("hello from the keyboard", exact=True)).to_be_visible()
    # The tabs by the arrow keys.
    await page.get_by_role("tab", name="Log", exact=True).focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("tab", name="Charts", exact=True)).to_be_focused()


# The last one leaves the theme as it was.
@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
async def test_axe_finds_nothing_serious(open_lab: Any, server: Any, newest_sample: Any, theme: str) -> None:
    server.files.text("work/axe.py", "print('hello')")
    server.choose_theme(theme)
    page = await open_lab("work/axe.py")
    await expect(page.locator("body")).to_have_attribute("data-jp-theme-name", theme)
    found = []  # type: ignore[var-annotated]

    async def look(where: Any, selector: Any) -> None:
        result = await Axe().run(page, context=selector)
        found.extend(
            (where, violation["id"], [node["html"][:160] for node in violation["nodes"][:3]])
            for violation in result.response["violations"]
            if violation["impact"] in ("serious", "critical")
        )

    dialog = await ask_for_job(page)
    await dialog.get_by_text("More options").click()
    await look("dialog", ".or-dialog")
    await page.keyboard.press("Escape")
    panel = await open_panel(page)
    await expect(panel.get_by_role("link", name="Sample: first training").first).to_be_visible()
    await look("panel", ".jp-Outrider-panel")
    await panel.get_by_role("link", name="Sample: first training").first.click()
    for tab in ("Overview", "Log", "Charts", "Artifacts", "Timeline"):
        await page.get_by_role("tab", name=tab, exact=True).click()
        await expect(page.get_by_text("Loading …")).to_have_count(0)
        await look(tab, ".jp-Outrider-main")
    await look("status bar", ".jp-Outrider-status")
    assert found == []
    # The components follow the theme: what is written stands out from what is behind it.
    colours = await page.locator(".jp-Outrider-job").evaluate(
        "node => [getComputedStyle(node).colorScheme, getComputedStyle(node).backgroundColor]"
    )
    assert colours[0] == theme.split()[1].lower()
