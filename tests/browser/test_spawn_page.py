"""The page that starts a notebook, as people see it: on the real Hub, with real registries."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.people import As
from tests.browser.test_pictures import shoot
from tests.integration.hub.platform_process import Platform, eventually
from tests.integration.registry.server import Registry

pytestmark = pytest.mark.timeout(240)
PICTURES = os.environ.get("OUTRIDER_SCREENSHOTS") == "1"
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await shoot(page, name)


async def check(page: Page, image: str) -> Any:
    """Types the name of another image; the place where the answer appears."""
    await page.get_by_label("Image reference").fill(image)
    return page.locator("#checked")


@pytest.fixture
def image(hub: Platform, registry: Registry) -> Iterator[str]:
    """An image that is in no catalog; neither it nor the notebook that runs it is left."""
    name = f"{registry.name}/team/tools:1"
    try:
        yield name
    finally:
        hub.stop_notebook(hub.token("bob", "secret"), "bob", "tools")
        with hub.service(hub.token("root", "secret")) as service:
            assert service.delete(f"/images/{name}").status_code in (204, 404)


async def test_an_admin_adds_an_image_and_a_user_starts_a_notebook_with_it(
    as_person: As, hub: Platform, image: str
) -> None:
    admin = await as_person("root", "/services/outrider/images")
    await admin.get_by_role("button", name="Add shared image").click()
    dialog = admin.get_by_role("dialog")
    await dialog.get_by_label("Image", exact=True).fill(image)
    await dialog.get_by_label("Title").fill("The team's tools")
    await dialog.get_by_role("button", name="Add", exact=True).click()
    await expect(dialog).to_be_hidden()

    page = await as_person("bob", "/hub/spawn/bob/tools")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Start the notebook tools")
    await page.get_by_label("Search").fill("TEAM tools")
    await expect(page.get_by_role("radio", name="Python")).to_be_hidden()
    card = page.locator("[data-sought]", has_text="The team's tools")
    # An image is not run on this machine, and the page says what is.
    await expect(card).to_contain_text("runs in Outrider's own Python environment")
    await card.click()
    await page.locator('[data-machine="small"]').click()
    await page.get_by_label("Stop after").select_option(label="2 hours")
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url("**/user/bob/tools/lab**", timeout=120_000)
    with hub.service(hub.token("bob", "secret")) as service:
        told = service.get("/notebooks/tools").json()
    assert (told["image"], told["machine"], told["stop_final"]) == (image, "small", True)

    await page.goto(f"{hub.pages}/hub/home")
    row = page.get_by_role("listitem").filter(has_text="tools")
    await expect(row).to_contain_text("running · The team's tools · Small")
    await picture(page, "notebooks")
    await row.get_by_role("button", name="Change machine and restart").click()
    await page.wait_for_url("**/hub/spawn/bob/tools")
    await expect(page.get_by_role("radio", name="The team's tools")).to_be_checked()
    await expect(page.get_by_role("radio", name="Small")).to_be_checked()


async def test_another_image_is_checked_while_it_is_typed(as_person: As, registry: Registry, private: Registry) -> None:
    page = await as_person("ann")
    said = await check(page, f"{private.name}/team/secret:1")
    await expect(said).to_contain_text("requires a login")
    await expect(said).to_contain_text("in Settings")
    await expect(page.get_by_role("radio", name="Custom image")).to_be_checked()
    await expect(await check(page, f"{registry.name}/team/toolz:1")).to_contain_text("There is no team/toolz:1")
    said = await check(page, f"{registry.name}/team/arm:1")
    await expect(said).to_contain_text("The image is for arm64")
    await picture(page, "spawn-check")
    await expect(await check(page, "Not an image")).to_contain_text("python:3.11")
    await expect(await check(page, "10.0.0.1/inside:1")).to_contain_text("inside this network")
    await expect(await check(page, f"{registry.name}/team/tools:1")).to_contain_text("The image can be used")
    await expect(said).to_contain_text("CUDA 12.4.1")
    # What cannot be used is refused at its field, where it stays.
    await check(page, f"{registry.name}/team/arm:1")
    await page.get_by_role("button", name="Start").click()
    await expect(page.get_by_role("alert")).to_contain_text("Custom image")
    field = page.get_by_label("Image reference")
    await expect(field).to_have_value(f"{registry.name}/team/arm:1")
    await expect(field).to_have_attribute("aria-invalid", "true")


async def test_a_machine_of_a_group_is_seen_by_the_group_alone(as_person: As) -> None:
    ann, bob = await as_person("ann"), await as_person("bob")
    await expect(ann.get_by_role("radio", name="The group's own")).to_be_visible()
    await expect(bob.get_by_role("radio", name="Large")).to_be_visible()
    await expect(bob.get_by_text("The group's own")).to_have_count(0)
    await expect(bob.get_by_role("radio", name="Giant")).to_be_disabled()
    await expect(bob.locator('[data-machine="giant"]')).to_contain_text("larger than the platform")
    await bob.get_by_role("radio", name="Large").check()
    await expect(bob.get_by_label("Stop after").get_by_role("option", name="8 hours", exact=True)).to_be_disabled()
    await expect(bob.locator("#summary")).to_have_text("Large, 1.40 per hour")


async def test_what_is_free_now_is_looked_at_again(as_person: As, hub: Platform) -> None:
    page = await as_person("bob")
    await page.clock.install()
    await page.reload()
    card = page.locator('[data-machine="large"]')
    await expect(card).to_contain_text("1 of 1 free now")
    with hub.service(hub.token("ann", "secret")) as service:
        job = service.post("/jobs", json={"command": "sleep 300", "machine": "large"}).json()["id"]
        eventually("it runs", lambda: service.get(f"/jobs/{job}").json()["status"] == "running")
        await page.clock.fast_forward(20_000)
        await expect(card).to_contain_text("No machine of type large is free")
        await expect(card.get_by_role("radio")).to_be_disabled()
        service.post(f"/jobs/{job}/stop")
        eventually("it ended", lambda: service.get(f"/jobs/{job}").json()["status"] == "cancelled")
    await page.clock.fast_forward(20_000)
    await expect(card).to_contain_text("1 of 1 free now")
    await expect(card.get_by_role("radio")).to_be_enabled()


async def test_the_keyboard_alone_is_enough(as_person: As) -> None:
    page = await as_person("ann")

    async def tab_to(selector: str) -> None:
        for _ in range(40):
            await page.keyboard.press("Tab")
            if await page.locator(selector).evaluate("element => element === document.activeElement"):
                outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert outline != "none", f"{selector}: no visible focus"
                return
        raise AssertionError(f"the Tab key never reaches {selector}")

    await tab_to(".outrider-skip")
    await page.keyboard.press("Enter")
    await tab_to("#search")
    await page.keyboard.type("python")
    await page.keyboard.press("Enter")
    await expect(page.locator("#found")).to_have_text(re.compile("^1 of "))
    await tab_to("#image-1")
    await page.keyboard.press("ArrowDown")
    await tab_to("#machine-1")
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("radio", name="Large")).to_be_checked()
    await tab_to("#git_ref")
    await page.keyboard.type("main")
    await tab_to("#spawn_form button[type=submit]")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Git repository")
    await expect(page.get_by_role("radio", name="Large")).to_be_checked()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_serious_and_a_phone_is_wide_enough(as_person: As, hub: Platform, scheme: str) -> None:
    page = await as_person("ann", color_scheme=scheme, **PHONE)
    found = []
    for path in ("/hub/spawn", "/hub/spawn?git_ref=x&image=%3Fother", "/hub/home", "/hub/outrider/new?name=No"):
        answer = await page.goto(hub.pages + path)
        assert answer is not None
        if path == "/hub/spawn" and scheme == "dark":
            await picture(page, "spawn-phone")
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        result = await Axe().run(page)
        found += [
            (path, violation["id"], [node["html"][:160] for node in violation["nodes"][:4]])
            for violation in result.response["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
    assert found == []


async def test_one_header_on_all_pages_and_the_way_back(as_person: As, hub: Platform) -> None:
    page = await as_person("ann", "/hub/home")
    words = await page.get_by_role("navigation", name="Outrider").get_by_role("link").all_inner_texts()
    beside = await page.get_by_role("navigation", name="JupyterHub").get_by_role("link").all_inner_texts()
    await page.get_by_role("link", name="Machines").click()
    await page.wait_for_url("**/services/outrider/machines")
    header = page.get_by_role("navigation", name="Outrider")
    await expect(header.get_by_role("link")).to_have_text(words)
    await expect(page.get_by_role("navigation", name="JupyterHub").get_by_role("link")).to_have_text(beside)
    await header.get_by_role("link", name="Notebooks").click()
    await expect(page.get_by_role("heading", level=1, name="Notebooks")).to_be_visible()
    await page.go_back()
    await expect(page.get_by_role("heading", level=1, name="Machines")).to_be_visible()
    await page.go_back()
    await expect(page).to_have_url(f"{hub.pages}/hub/home")
    # Light or dark is one choice for all pages.
    await page.emulate_media(color_scheme="light")
    await page.get_by_role("button", name="Toggle dark mode").click()
    await page.get_by_role("link", name="Home").click()
    await page.wait_for_url("**/services/outrider/")
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    await page.get_by_role("button", name="Toggle dark mode").click()
    await expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    for path in ("/hub/token",):
        await page.goto(hub.pages + path)
        await expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
        await expect(page.get_by_role("navigation", name="Outrider").get_by_role("link", name="Jobs")).to_be_visible()


@pytest.mark.skipif(not PICTURES, reason="docs/images are kept; OUTRIDER_SCREENSHOTS=1 makes them")
async def test_the_picture_of_the_page(as_person: As) -> None:
    page = await as_person("ann", viewport={"width": 1280, "height": 1100})
    await expect(page.get_by_role("radio", name=re.compile("PyTorch"))).to_be_visible()
    await shoot(page, "spawn")
