"""The pages with which people keep what they work with: images, machines, storage, usage, secrets; a new job."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.integration.registry.server import Registry

pytestmark = pytest.mark.timeout(240)


async def save(page: Page, action: str) -> None:
    await page.get_by_role("dialog").get_by_role("button", name=action, exact=True).click()


async def test_an_admin_keeps_the_machine_types(open_page: Any, jobs: Any) -> None:
    page = await open_page("machines", strict=False)
    await page.get_by_role("button", name="Add machine type").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("night")
    await dialog.get_by_label("Title").fill("Night shift")
    await dialog.get_by_label("CPUs").fill("0")
    await save(page, "Add")
    # What is wrong stands at the field that it is about.
    await expect(dialog.get_by_label("CPUs")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("CPUs").fill("0,1")
    await dialog.get_by_label("Price per hour").fill("0.5")
    await dialog.get_by_label("Maximum notebook age (hours)").fill("6")
    await save(page, "Add")
    row = page.get_by_role("row", name=re.compile("Night shift"))
    await expect(row).to_contain_text("0.50 / h")
    await expect(row).to_contain_text("notebooks stop after 6 h")
    jobs.wait(jobs.submit("true", machine="night"), "succeeded")
    await row.get_by_role("button", name="Edit Night shift").click()
    await dialog.get_by_label("Restrict to groups").fill("nobody")
    await dialog.get_by_label("Enabled").uncheck()
    await save(page, "Save")
    await expect(row).to_contain_text("disabled · restricted to nobody")
    await row.get_by_role("button", name="Remove Night shift").click()
    await save(page, "Remove")
    await expect(row).to_have_count(0)


async def test_an_image_is_checked_before_it_is_added(open_page: Any, registry: Registry, jobs: Any) -> None:
    digest, _ = registry.image("team/tool", "1", Env=["CUDA_VERSION=12.4.1"])
    registry.image("team/arm", "1", "arm64")
    page = await open_page("images", strict=False)
    await page.get_by_role("button", name="Add private image").click()
    dialog = page.get_by_role("dialog")
    reference, check = dialog.get_by_label("Image", exact=True), dialog.get_by_role("button", name="Check", exact=True)
    for name, says in (
        ("team/tol:1", "There is no team/tol:1"),
        ("team/arm:1", "is for arm64"),
        ("team/tool:1", "can be used"),
    ):
        await reference.fill(f"{registry.name}/{name}")
        await check.click()
        await expect(dialog.get_by_role("status")).to_contain_text(says)
    await expect(dialog).to_contain_text("CUDA 12.4.1")
    await reference.fill("169.254.169.254/team/tool")
    await check.click()
    await expect(dialog.get_by_role("status")).to_contain_text("not allowed")
    await reference.fill(f"{registry.name}/team/tool:1")
    await dialog.get_by_label("Title").fill("Our tool")
    await save(page, "Add")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="Our tool"))
    await expect(card).to_contain_text("private")
    await expect(card).to_contain_text(digest[7:19])
    registry.image("team/tool", "1", Env=["CUDA_VERSION=12.8.0"])
    await card.get_by_role("button", name="Check registry").click()
    await expect(card).to_contain_text("The tag has pointed to a different image since")
    await card.get_by_role("button", name="Update").click()
    await expect(card).to_contain_text("CUDA 12.8.0")
    await expect(card).not_to_contain_text("different image")
    job = jobs.submit("true", machine="tiny", image=f"{registry.name}/team/tool:1")
    assert jobs.wait(job)["image_digest"] != digest
    await card.get_by_role("button", name="Remove Our tool").click()
    await save(page, "Remove")
    await expect(card).to_have_count(0)


async def test_files_come_and_go(open_page: Any, tmp_path: Path, jobs: Any) -> None:
    content = b"x" * 300_000
    (tmp_path / "größe 1%.bin").write_bytes(content)
    jobs.http.put("/storage/models/first/readme.txt", content=b"hello")
    page = await open_page("storage")
    await page.get_by_role("link", name="models/").click()
    await page.get_by_role("link", name="first/").click()
    await expect(page.get_by_role("link", name="readme.txt", exact=True)).to_be_visible()
    await page.get_by_label("Upload", exact=True).set_input_files(tmp_path / "größe 1%.bin")
    row = page.get_by_role("row", name=re.compile("größe"))
    await expect(row).to_contain_text("293 KiB")
    async with page.expect_download() as begun:
        await row.get_by_role("link", name="Download größe 1%.bin").click()
    download = await begun.value
    assert (await download.path()).read_bytes() == content
    await row.get_by_role("button", name="Delete größe 1%.bin").click()
    await save(page, "Delete")
    await expect(row).to_have_count(0)
    # A deep link, and the way back.
    assert page.url.endswith("/storage/models/first")
    await page.go_back()
    await expect(page.get_by_role("link", name="first/")).to_be_visible()


async def test_usage_is_shown_and_can_be_taken_along(open_page: Any, jobs: Any) -> None:
    jobs.wait(jobs.submit("sleep 1", project="billed"), "succeeded")
    page = await open_page("usage?by=project")
    row = page.get_by_role("row", name=re.compile("billed"))
    await expect(row).to_be_visible()
    await expect(page.get_by_role("img", name=re.compile("per day from"))).to_be_visible()
    async with page.expect_download() as begun:
        await page.get_by_role("link", name="Download CSV").click()
    text = (await (await begun.value).path()).read_text()
    assert text.startswith("project,day,hours,gpu_hours,cost") and "billed," in text
    await page.get_by_label("Group by", exact=True).select_option("machine")
    await expect(page.get_by_role("row", name=re.compile("small"))).to_be_visible()
    await page.get_by_label("All users").check()
    assert "all=true" in page.url and "by=machine" in page.url


async def test_a_secret_is_set_and_not_shown(open_page: Any, jobs: Any) -> None:
    page = await open_page("settings", strict=False)
    await page.get_by_role("button", name="Add secret").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("1WRONG")
    await dialog.get_by_label("Value").fill("s3cret-value")
    await save(page, "Save")
    await expect(dialog.get_by_label("Name")).to_have_attribute("aria-invalid", "true")
    await dialog.get_by_label("Name").fill("API_TOKEN")
    await save(page, "Save")
    await expect(page.get_by_role("row", name=re.compile("API_TOKEN"))).to_contain_text("You")
    assert "s3cret-value" not in await page.content()
    job = jobs.submit('echo "$API_TOKEN"', machine="tiny", secrets=["API_TOKEN"])
    jobs.wait(job, "succeeded")
    assert jobs.http.get(f"/jobs/{job}/logs").json()["items"][0]["text"] == "***"
    await page.get_by_role("button", name="Remove API_TOKEN").click()
    await expect(page.get_by_text("No secrets yet.")).to_be_visible()
    await page.get_by_role("button", name="Add webhook").click()
    await dialog.get_by_label("URL").fill("https://127.0.0.1/hook")
    await save(page, "Add")
    await expect(dialog).to_contain_text("inside this network")
