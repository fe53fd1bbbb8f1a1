"""The pages for everyone: by keyboard alone, with a screen reader, in the dark, on a phone."""

import re
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import expect

from tests.browser.conftest import STEP, TRAINING, until

pytestmark = pytest.mark.timeout(240)
TABS = ("", "/log", "/charts", "/artifacts", "/timeline")
PAGES = ("new", "images", "machines", "storage", "usage", "settings")
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def settled(page: Any) -> None:
    """What there is to see has come."""
    await expect(page.get_by_role("heading", level=1)).to_be_attached()
    await expect(page.get_by_text("Loading …")).to_have_count(0)
    await until(
        "the page is quiet", lambda: page.evaluate("document.querySelectorAll('[aria-busy=true]').length === 0")
    )


@pytest.fixture(scope="module")
def failed(jobs: Any) -> Any:
    job = jobs.submit("echo No such file or directory; exit 3", name="Fails for everyone")
    jobs.wait(job, "failed")
    return job


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious(open_page: Any, sample: Any, failed: Any, scheme: str) -> None:
    page = await open_page(color_scheme=scheme)
    found = []
    for path in (
        "",
        "jobs",
        *(f"jobs/{sample}{tab}" for tab in TABS),
        f"jobs/{failed}",
        "jobs?q=nothing+like+it",
        *PAGES,
    ):
        await page.goto(page.url.split("/services")[0] + "/services/outrider/" + path)
        await settled(page)
        if path.endswith("/artifacts"):
            await page.get_by_role("link", name="model.json", exact=True).click()
            await expect(page.get_by_role("region", name="Contents")).to_be_visible()
        if path.endswith("/log"):
            await page.locator(".or-line-n").nth(12).click()
        result = await Axe().run(page)
        for violation in result.response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                where = [node["html"][:160] for node in violation["nodes"][:4]]
                found.append((path, violation["id"], where))
    assert found == []


async def test_the_dialog_is_accessible(open_page: Any, sample: Any) -> None:
    page = await open_page(f"jobs/{sample}")
    await page.get_by_role("button", name="Delete", exact=True).click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    result = await Axe().run(page)
    assert [v["id"] for v in result.response["violations"] if v["impact"] in ("serious", "critical")] == []


async def test_the_dark_is_dark(open_page: Any, sample: Any) -> None:
    async def brightness(page: Any) -> Any:
        colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in re.findall(r"\d+", colour)[:3])

    dark = await open_page(f"jobs/{sample}/charts", color_scheme="dark")
    assert await brightness(dark) < 150
    await expect(dark.locator("canvas").first).to_be_visible()
    # The canvas follows a theme that changes while it is looked at.
    canvas = dark.locator("canvas").first
    before = await canvas.evaluate("canvas => canvas.toDataURL()")
    await dark.emulate_media(color_scheme="light")
    assert await brightness(dark) > 600
    await until(
        "the chart is drawn in the light theme's colours",
        lambda: dark.locator("canvas").first.evaluate("(canvas, old) => canvas.toDataURL() !== old", before),
    )


async def test_the_keyboard_alone_is_enough(open_page: Any, jobs: Any, base: Any) -> None:
    job = jobs.python(TRAINING, name="By keyboard")
    page = await open_page("jobs?q=By+keyboard")
    await expect(page.get_by_role("link", name="By keyboard")).to_be_visible()

    async def tab_to(name: Any, most: Any = 40) -> None:
        for _ in range(most):
            await page.keyboard.press("Tab")
            focused = await page.evaluate(
                "document.activeElement.getAttribute('aria-label') || document.activeElement.textContent"
            )
            if re.search(name, focused or ""):
                # What has the focus shows it.
                outline = await page.evaluate(
                    "['', '::after'].map(part => getComputedStyle(document.activeElement, part).outlineStyle).join()"
                )
                assert "solid" in outline, f"{name}: no visible focus"
                return
        raise AssertionError(f"the Tab key never reaches {name}")

    await tab_to("^Skip to content$")
    await page.keyboard.press("Enter")
    await tab_to("^By keyboard$")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"{base}jobs/{job}")
    await expect(page.get_by_role("main")).to_be_focused()
    await expect(page.get_by_role("tab", name="Overview")).to_be_visible()
    await tab_to("^Overview$")
    await page.keyboard.press("ArrowRight")
    await expect(page).to_have_url(f"{base}jobs/{job}/log")
    await expect(page.get_by_text(STEP).first).to_be_visible()
    await tab_to("^Log, ")
    await page.keyboard.press("Home")
    await page.keyboard.press("j")
    await expect(page.locator(".or-line-chosen")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.get_by_role("complementary")).to_contain_text('"chart"')
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("complementary")).to_be_hidden()

    await page.goto(f"{base}jobs/{job}/charts")
    await expect(page.locator("canvas").first).to_be_visible()
    await tab_to("^loss, latest values")
    for key in ("Home", "ArrowRight", "ArrowRight"):
        await page.keyboard.press(key)
    await expect(page.locator(".or-plot [aria-live]").first).to_have_text(re.compile(r"^3: training "))
    await page.keyboard.press("Enter")
    await expect(page.locator(".or-kept strong").first).to_be_visible()
    await page.keyboard.press("+")
    await expect(page.get_by_role("button", name="Reset zoom")).to_be_enabled()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("button", name="Reset zoom")).to_be_disabled()

    await page.goto(f"{base}jobs/{job}")
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    await tab_to("^Stop$")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    # Not only closed: until it is gone, the button takes it for open.
    await expect(page.locator("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Stop", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await tab_to("^Stop job$")
    await page.keyboard.press("Enter")
    await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")


async def test_a_phone_is_wide_enough(open_page: Any, sample: Any, failed: Any) -> None:
    page = await open_page(**PHONE)
    for path in ("", "jobs", *(f"jobs/{sample}{tab}" for tab in TABS), f"jobs/{failed}"):
        await page.goto(page.url.split("/services")[0] + "/services/outrider/" + path)
        await settled(page)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


async def test_a_notebook_is_shown_and_kept(open_page: Any, platform: Any) -> None:
    token = platform.token()
    platform.start_notebook(token)
    try:
        page = await open_page()
        notebooks = page.get_by_role("region", name="Notebooks")
        await expect(notebooks.get_by_role("link", name="Default notebook")).to_be_visible()
        await expect(notebooks).to_contain_text("0.18 / h")
        await expect(notebooks).to_contain_text(re.compile("Stops in 1[12] h"))
        async with page.expect_response(lambda answer: answer.url.endswith("/notebooks/-/keep")) as response:
            await notebooks.get_by_role("button", name="Keep running").click()
        assert (await response.value).status == 200
    finally:
        platform.stop_notebook(token)


async def test_home(open_page: Any, jobs: Any) -> None:
    job = jobs.python(TRAINING, name="Shown at home")
    page = await open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/v1/jobs?" in request.url else None)
    await page.reload()
    running = page.get_by_role("region", name="Running")
    await expect(running.get_by_role("link", name="Shown at home")).to_be_visible()
    await expect(running).to_contain_text("Running")
    assert asked and all("owner=admin" in url for url in asked), "an admin's home is not everybody's list"
    price = jobs.http.get("/me").json()["usage"]["price_per_hour"]
    assert price >= 0.18
    await expect(page.locator(".portal-figures div").last).to_contain_text(f"{price:.2f}")
    jobs.http.post(f"/jobs/{job}/stop")
    await expect(running.get_by_role("link", name="Shown at home")).to_be_hidden()
    await expect(page.get_by_role("region", name="Recent jobs")).to_contain_text("Shown at home")
