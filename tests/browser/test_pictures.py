"""The pictures of the documentation, made from a platform on which something goes on. Only when asked for:
OUTRIDER_SCREENSHOTS=1."""

import io
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import STEP, until
from tests.integration.hub.platform_process import REPOSITORY

IMAGES = REPOSITORY / "docs" / "images"
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        os.environ.get("OUTRIDER_SCREENSHOTS") != "1", reason="docs/images are kept; OUTRIDER_SCREENSHOTS=1 makes them"
    ),
]
TRAIN = r"""
import json, math, random, time
random.seed(7)
print("\x1b[1mresnet50\x1b[0m: 25.6 million parameters, 1,281,167 images", flush=True)
print(json.dumps({"chart": "loss", "axis": "step"}))
for step in range(1, 100_000):
    wave = random.random()
    for series, gap in (("training", 0), ("validation", 0.08)):
        y = 0.35 + 2 / (1 + step / 40) + gap + 0.12 * (wave - 0.5) * math.exp(-step / 400)
        print(json.dumps({"chart": "loss", "x": step, "y": round(y, 4), "series": series}))
    print(json.dumps({"chart": "accuracy", "x": step, "y": round(0.93 - 0.8 / (1 + step / 60) + 0.01 * wave, 4)}))
    print(json.dumps({"chart": "learning_rate", "x": step, "y": round(3e-4 * math.exp(-step / 300), 8)}))
    if step % 4 == 0:
        print(f"\x1b[36mstep {step}\x1b[0m of many  \x1b[32m{900 + 60 * wave:.0f} images/s\x1b[0m", flush=True)
    time.sleep(0.02)
"""
BROKEN = r"""
import sys
print("reading /datasets/imagenet/labels.csv", flush=True)
def main():
    load("/datasets/imagenet/labels.csv")
def load(path):
    return open(path)
main()
"""


async def shoot(page: Page, name: str) -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    target = IMAGES / f"{name}.png"
    await expect(page.get_by_text("Loading …")).to_have_count(0)
    await page.mouse.move(1, 400)
    await page.wait_for_timeout(500)
    await page.screenshot(path=target)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--skip-if-larger", "--output", target, "--", target], check=False)


async def test_pictures(open_page: Any, jobs: Any, sample: Any) -> None:
    for old in jobs.http.get("/jobs", params={"limit": 500}).json()["items"]:
        if old["id"] != sample:
            jobs.http.delete(f"/jobs/{old['id']}")
    for name, lr in (("a", 0.1), ("b", 0.03), ("c", 0.01)):
        done = jobs.submit(
            "echo done", name=f"Sweep {name}: learning rate {lr}", project="vision", experiment="sweep-12"
        )
        jobs.wait(done, "succeeded")
    failed = jobs.python(BROKEN, name="Train on ImageNet", project="vision", tags=["resnet"])
    jobs.wait(failed, "failed")
    stopped = jobs.submit("sleep 600", name="Tokenise the corpus", project="language")
    jobs.wait(stopped, "running")
    jobs.http.post(f"/jobs/{stopped}/stop")
    params = {"learning_rate": 3e-4, "batch_size": 256, "optimizer": "adamw"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("train.py", TRAIN)
    uploaded = jobs.http.post("/snapshots", content=buffer.getvalue(), headers={"Content-Type": "application/zip"})
    train = jobs.submit(
        "python -u train.py --data /datasets/imagenet --out /artifacts",
        name="Fine-tune ResNet-50",
        workspace={"type": "snapshot", "id": uploaded.json()["id"]},
        params=params,
        project="vision",
        tags=["resnet", "nightly"],
    )
    jobs.submit("sleep 600", name="Evaluate checkpoints", machine="whole", project="vision")
    jobs.wait(train, "running")

    page = await open_page("jobs")
    await expect(page.get_by_role("row", name=re.compile("Tokenise"))).to_contain_text("Cancelled")
    await shoot(page, "jobs")
    await shoot(await open_page("jobs", **PHONE), "jobs-phone")
    await shoot(await open_page(f"jobs/{failed}"), "failure")
    await until("the job got on", lambda: _count(jobs, train, 1500))
    home = await open_page("")
    await expect(home.get_by_role("region", name="Running")).to_contain_text("Fine-tune ResNet-50")
    await shoot(home, "home")
    await shoot(await open_page(f"jobs/{train}"), "job")
    log = await open_page(f"jobs/{train}/log")
    await expect(log.get_by_text(STEP).first).to_be_visible()
    await shoot(log, "log")
    for name, scheme in (("charts", "light"), ("charts-dark", "dark")):
        charts = await open_page(f"jobs/{train}/charts", color_scheme=scheme)
        await charts.get_by_role("slider").fill("0.7")
        await expect(charts.locator("canvas").nth(2)).to_be_visible()
        await shoot(charts, name)
    for job in jobs.http.get("/jobs", params={"status": ["running", "pending"]}).json()["items"]:
        jobs.http.post(f"/jobs/{job['id']}/stop")


async def _count(jobs: Any, job: Any, lines: Any) -> Any:
    return jobs.lines(job) > lines


async def test_pictures_of_what_is_kept(open_page: Any, jobs: Any, sample: Any, tmp_path: Path) -> None:
    for title, name, icon in (("PyTorch 2.9, CUDA 12.8", "outrider/pytorch", "PT"), ("R 4.5", "outrider/r", "R")):
        body = {"name": name, "title": title, "icon": icon, "description": "Kept by the admins", "check": False}
        jobs.http.post("/images", json=body)
    project = tmp_path / "resnet"
    for path, size in (("train.py", 4000), ("lib/data.py", 2500), ("configs/base.yaml", 700), ("runs/old.ckpt", 9000)):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text("#" * size)
    (project / ".gitignore").write_text("runs/\n")
    for path, size in (("imagenet/labels.csv", 240_000), ("models/resnet50.pt", 3_000_000), ("notes.md", 900)):
        jobs.http.put(f"/storage/{path}", content=b"x" * size)
    jobs.http.put("/secrets/variable/WANDB_API_KEY", json={"value": "not shown"})
    jobs.http.put("/limits/user:admin", json={"budget_per_month": 0.01, "max_storage_mb": 50})
    jobs.wait(jobs.submit("sleep 2", machine="whole", project="vision", name="Evaluate"), "succeeded")
    try:
        for path in ("images", "machines", "storage", "usage?by=project", "settings"):
            page = await open_page(path)
            await expect(page.get_by_role("heading", level=1)).to_be_attached()
            await page.wait_for_load_state("networkidle")
            await shoot(page, path.split("?")[0])
        page = await open_page("new?image=outrider/python&machine=small&command=python train.py", strict=False)
        await page.get_by_role("textbox", name="Name").fill("Fine-tune ResNet-50")
        await page.get_by_role("link", name=re.compile("Workspace$")).click()
        await page.get_by_role("radio", name="Upload from this computer").check()
        await page.get_by_label("Choose folder").set_input_files(project)
        await expect(page.get_by_text("4 files")).to_be_visible()
        await shoot(page, "new-workspace")
        await page.get_by_role("link", name=re.compile("Review$")).click()
        await expect(page.get_by_label("Preflight checks")).to_be_visible()
        await shoot(page, "new-review")
    finally:
        jobs.http.delete("/limits/user:admin")
