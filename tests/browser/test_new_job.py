"""A new job from the pages: in steps that have addresses, with a folder of this computer; what it says at the end."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

pytestmark = pytest.mark.timeout(240)
STEPS = ("image", "machine", "command", "workspace", "extras", "review")


async def forward(page: Page, to: str) -> None:
    await page.get_by_role("button", name="Next").click()
    await expect(page).to_have_url(re.compile(f"/new/{to}"))


@pytest.fixture
def project(tmp_path: Path) -> Any:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "train.sh").write_text("#!/bin/sh\n. lib/say.sh\n")
    (folder / "lib" / "say.sh").write_text("""echo '{"chart": "loss", "y": 1, "x": 1}'; ls; echo "$LEVEL is $1"\n""")
    (folder / ".gitignore").write_text("data/\n")
    (folder / "data" / "large.bin").write_bytes(b"x" * 1000)
    return folder


async def test_the_steps_lead_to_a_job_whose_page_shows_charts(open_page: Any, project: Any, jobs: Any) -> None:
    page = await open_page("new", strict=False)
    await expect(page).to_have_url(re.compile("/new/image"))
    await page.get_by_role("radio", name=re.compile("^Python")).check()
    await forward(page, "machine")
    await page.get_by_role("radio", name=re.compile("^Tiny")).check()
    await forward(page, "command")
    # Nobody gets on without saying what to run.
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_role("textbox", name="Command")).to_be_focused()
    await expect(page.get_by_text("Enter a command.")).to_be_visible()
    await page.get_by_role("textbox", name="Command").fill("./train.sh")
    await page.get_by_role("textbox", name="Name").fill("From the steps")
    await forward(page, "workspace")
    await page.get_by_role("radio", name="Upload from this computer").check()
    await page.get_by_label("Choose folder").set_input_files(project)
    status = page.get_by_role("status").filter(has_text="project")
    await expect(status).to_contain_text("3 files")
    await expect(status).to_contain_text("Excluded: data/")
    await forward(page, "extras")
    await page.get_by_role("button", name="Add variable").click()
    await page.get_by_label("Name of variable 1").fill("LEVEL")
    await page.get_by_label("Value of LEVEL").fill("private-value")
    await forward(page, "review")
    await expect(page.get_by_label("Preflight checks")).to_contain_text("The job starts immediately.")
    await expect(page.get_by_text("0.04 / h")).to_be_visible()
    command = page.get_by_role("region", name="Command")
    await expect(command).to_contain_text("--workspace ./project")
    assert "private-value" not in page.url
    # There and back: nothing is lost, neither by the browser's way back nor by loading again.
    await page.go_back()
    await expect(page).to_have_url(re.compile("/new/extras"))
    await expect(page.get_by_label("Value of LEVEL")).to_have_value("private-value")
    await page.get_by_label("Tags").fill("stepped")
    await page.get_by_role("link", name=re.compile("Review$")).click()
    await expect(command).to_contain_text("--tag stepped")
    await page.wait_for_url(re.compile("tags=stepped"))
    await page.reload()
    await expect(command).to_contain_text("--env LEVEL=private-value")
    line = await command.inner_text()
    await page.get_by_role("button", name="Run job").click()
    await expect(page).to_have_url(re.compile(r"/jobs/j[0-9a-z]{12}$"))
    await expect(page.get_by_role("heading", level=1)).to_contain_text("From the steps")
    await page.get_by_role("tab", name="Charts").click()
    await expect(page.locator("canvas").first).to_be_visible()
    job = jobs.wait(page.url.split("/jobs/")[1][:13])
    said = [item["text"] for item in jobs.http.get(f"/jobs/{job['id']}/logs").json()["items"]]
    assert (job["status"], job["tags"], said[1:]) == (
        "succeeded",
        ["stepped"],
        ["lib", "train.sh", "private-value is "],
    )
    # The line is one that a shell takes apart into what was filled in.
    words = subprocess.run(
        ["sh", "-c", f'outrider() {{ printf "%s\\n" "$@"; }}; {line}'], capture_output=True, text=True
    )
    assert words.stdout.splitlines()[-2:] == ["--command", "./train.sh"]


async def test_the_same_folder_is_not_sent_twice_and_too_much_is_refused(open_page: Any, project: Any) -> None:
    sent: list[str] = []
    (project / "same.txt").write_bytes(os.urandom(16))
    for n in range(2):
        page = await open_page("new/workspace", strict=False)
        page.on("request", lambda asked: sent.append(asked.url) if asked.method == "POST" else None)
        await page.get_by_role("radio", name="Upload from this computer").check()
        await page.get_by_label("Choose folder").set_input_files(project)
        await expect(page.get_by_text("4 files")).to_be_visible()
        if n == 1:
            await expect(page.get_by_text("Already uploaded.")).to_be_visible()
    assert len([url for url in sent if url.endswith("/snapshots")]) == 1
    (project / "weights.bin").write_bytes(os.urandom(9 * 2**20))
    await page.get_by_label("Choose folder").set_input_files(project)
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("8 MiB")
    await expect(alert).to_contain_text(".outriderignore")
    await expect(page.get_by_text("weights.bin")).to_be_visible()
    await page.get_by_role("button", name="Next").click()
    await expect(page.get_by_text("Choose a folder or zip file")).to_be_visible()


async def test_a_folder_can_be_dropped(open_page: Any, project: Any) -> None:
    page = await open_page("new/workspace", strict=False)
    await page.get_by_role("radio", name="Upload from this computer").check()
    place = await page.get_by_text("Drop a folder or zip file here").bounding_box()
    assert place is not None
    cdp = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(project)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await cdp.send("Input.dispatchDragEvent", {"type": kind, "x": place["x"], "y": place["y"], "data": data})
    await expect(page.get_by_text("Excluded: data/")).to_be_visible()
    await expect(page).to_have_url(re.compile("snapshot=sha256"))


async def test_a_deep_link_is_a_filled_form_and_the_review_says_what_is_missing(open_page: Any) -> None:
    page = await open_page("new?image=outrider/python&machine=giant&command=make&git=https://example.org/a.git&ref=v1")
    await expect(page).to_have_url(re.compile("/new/command"))
    await expect(page.get_by_role("textbox", name="Command")).to_have_value("make")
    await page.get_by_role("navigation", name="Steps").get_by_role("link", name="Review").click()
    checks = page.get_by_label("Preflight checks")
    await expect(checks).to_contain_text("too small for a giant")
    await expect(page.get_by_role("main")).to_contain_text("https://example.org/a.git at v1")
    await page.get_by_role("link", name="Change command").click()
    await page.get_by_role("textbox", name="Command").fill("")
    await page.get_by_role("navigation", name="Steps").get_by_role("link", name="Review").click()
    await page.get_by_role("button", name="Run job").click()
    await expect(page).to_have_url(re.compile("/new/command"))
    await expect(page.get_by_text("Enter a command.")).to_be_visible()


async def test_every_step_is_accessible_and_fits_a_phone(open_page: Any) -> None:
    page = await open_page("new/image", viewport={"width": 390, "height": 844})
    found = []
    for step in STEPS:
        await page.goto(re.sub("new/.*", f"new/{step}?command=x", page.url))
        await expect(page.get_by_role("heading", level=2).first).to_be_visible()
        await expect(page.get_by_text("Loading …")).to_have_count(0)
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), step
        result = await Axe().run(page)
        found += [
            (step, v["id"], v["nodes"][0]["html"][:160])
            for v in result.response["violations"]
            if v["impact"] in ("serious", "critical")
        ]
    assert found == []
