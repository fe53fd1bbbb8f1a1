"""What several people see of each other's machines, time and money."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.browser.people import As
from tests.integration.hub.platform_process import Platform, eventually

pytestmark = pytest.mark.timeout(240)
PORTAL = "/services/outrider/"


def run(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    """Runs a job to its end."""
    made = http.post("/jobs", json=fields)
    assert made.status_code == 201, made.text
    where = f"/jobs/{made.json()['id']}"
    eventually("the job has ended", lambda: http.get(where).json()["finished_at"])
    return dict(http.get(where).json())


async def budget(page: Page, subject: str, amount: str) -> None:
    await page.get_by_role("button", name="Add limits").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label(re.compile("^Applies to")).fill(subject)
    await dialog.get_by_label(re.compile("budget")).fill(amount)
    await dialog.get_by_role("button", name=re.compile("Save|Set|Add")).click()
    await expect(dialog).to_be_hidden()


async def test_a_groups_machine_is_seen_by_its_members_alone(as_person: As) -> None:
    for name, count in (("ann", 1), ("bob", 0)):
        page = await as_person(name, f"{PORTAL}machines")
        await expect(page.get_by_role("row", name=re.compile("^Small"))).to_be_visible()
        await expect(page.get_by_role("row", name=re.compile("The group's own"))).to_have_count(count)
        await page.goto(page.url.replace("machines", "new/machine"))
        await expect(page.get_by_role("radio", name=re.compile("^Small"))).to_be_visible()
        await expect(page.get_by_role("radio", name=re.compile("The group's own"))).to_have_count(count)
        await page.goto(page.url.split("/new")[0] + "/new/review?machine=lab&command=true&image=outrider/python")
        checks = page.get_by_label("Preflight checks")
        # Whoever guesses its name is told that there is none.
        await expect(checks).to_contain_text(
            "The job starts immediately." if count else "there is no machine type 'lab'"
        )


async def test_the_page_of_usage_says_to_the_second_what_ran(as_person: As, hub: Platform, newcomer: str) -> None:
    page = await as_person(newcomer, PORTAL)
    with hub.service(hub.token(newcomer, "secret")) as http:
        jobs = [run(http, command=f"sleep {n}", machine="small", project="timed") for n in (2, 1)]
    seconds = cost = 0.0
    for job in jobs:
        started, finished = (datetime.fromisoformat(job[name]) for name in ("started_at", "finished_at"))
        seconds += (finished - started).total_seconds()
        cost += job["cost"]
    await page.goto(f"{page.url}usage?by=project")
    row = page.get_by_role("row", name=re.compile("timed"))
    await expect(row.get_by_role("cell").nth(1)).to_have_text(f"0:00:{round(seconds):02d}")
    async with page.expect_download() as begun:
        await page.get_by_role("link", name="Download CSV").click()
    lines = (await (await begun.value).path()).read_text().splitlines()[1:]
    assert sum(float(line.split(",")[2]) for line in lines) * 3600 == pytest.approx(seconds, abs=0.01)
    assert sum(float(line.split(",")[4]) for line in lines) == pytest.approx(cost, abs=1e-5)


async def test_a_budget_warns_and_stops(as_person: As, hub: Platform, newcomer: str) -> None:
    admin = await as_person("root", f"{PORTAL}machines")
    await budget(admin, f"user:{newcomer}", "0.002")
    page = await as_person(newcomer, PORTAL)
    with hub.service(hub.token(newcomer, "secret")) as http:
        job = run(http, command="sleep 600", machine="large", name="Too dear")
        assert (job["status"], job["reason"]) == ("cancelled", "over_budget")
        await page.goto(f"{page.url}jobs/{job['id']}")
        await expect(page.locator(".or-job-title")).to_contain_text("Cancelled")
        await expect(page.get_by_role("main")).to_contain_text(re.compile("budget", re.I))
        await page.goto(page.url.split("jobs/")[0])
        month = page.get_by_role("region", name="This month")
        await expect(month).to_contain_text(re.compile(r"Your spending.*\(\d{3,} %\)"))
        await expect(month).to_contain_text("Budget used up until")
        await page.goto(f"{page.url}new/review?machine=small&command=true&image=outrider/python")
        await expect(page.get_by_label("Preflight checks")).to_contain_text("used up this month's budget")
        await page.get_by_role("button", name="Run job").click()
        await expect(page.get_by_role("alert")).to_contain_text("used up this month's budget")
