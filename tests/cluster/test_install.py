"""The platform as the chart installs it, from the first login to the end."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import PATIENCE_MS, launched
from tests.browser.lab import Files, ask_for_job, ready, send
from tests.cluster.harness.places import CHECKOUT, PRIVATE_REGISTRY, REGISTRY, state
from tests.cluster.harness.product import Product
from tests.cluster.installed import CHART, Installation
from tests.cluster.tools import Cluster
from tests.integration.harness import eventually

API = "/services/outrider/api/v1"


@pytest.fixture(scope="module")
def platform(cluster: Cluster, product: Product) -> Iterator[Installation]:
    made = Installation(cluster, product, "t-install", state() / "volumes" / "t-install")
    made.remove()
    try:
        made.install()
        yield made
    finally:
        made.remove()


@pytest.fixture(scope="module")
def notebook(platform: Installation) -> str:
    """Alice's notebook, in the curated image."""
    platform.start_notebook("alice", image="python", machine="small")
    platform.until_ready("alice")
    return platform.notebook_pod("alice")


def test_a_job_goes_out_from_a_notebook_and_its_chart_is_seen(platform: Installation, notebook: str) -> None:
    code = "import json; [print(json.dumps({'chart': 'loss', 'y': 1 / (x + 1), 'x': x})) for x in range(5)]"
    platform.inside(
        notebook, "sh", "-c", f'mkdir -p ~/w && printf "%s" "{code}" > ~/w/train.py && echo kept > /storage/f'
    )
    said = platform.inside(
        notebook, "sh", "-c", "cd ~/w && outrider run --machine tiny --image python -- python train.py"
    )
    assert '"chart": "loss"' in said
    with platform.http("alice") as http:
        job = http.get(f"{API}/jobs").json()["items"][0]
        assert job["status"] == "succeeded", job
        charts = http.get(f"{API}/jobs/{job['id']}/metrics").json()["items"]
        assert "loss" in {chart["chart"] for chart in charts}
        assert http.get(f"{API}/storage/f").text == "kept\n"
    with platform.http("bob") as http:
        assert http.get(f"{API}/jobs/{job['id']}").status_code == 404
        assert http.get(f"{API}/storage/f").status_code == 404


def test_the_mounted_extension_answers_in_the_notebook(platform: Installation, notebook: str) -> None:
    with platform.http("alice") as http:
        answer = http.get(f"{platform.notebook_url('alice')}outrider/api/me")
        assert answer.status_code == 200, answer.text
        assert answer.json()["name"] == "alice"


@pytest_asyncio.fixture
async def browser(platform: Installation) -> AsyncIterator[Browser]:
    """One for which the names of this machine are the proxy."""
    async with launched(
        f"--host-resolver-rules=MAP localhost:8000 {platform.proxy}:80, MAP *.localhost:8000 {platform.proxy}:80"
    ) as found:
        yield found


async def test_the_button_in_jupyterlab_sends_the_notebook_away(
    platform: Installation, notebook: str, browser: Browser
) -> None:
    server = platform.notebook_url("alice")
    files = platform.client(f"{server}api/contents/", headers={"Authorization": "token alice-token"})
    Files(files).notebook("cells.ipynb", "print('six times seven is', 6 * 7)")
    context = await browser.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{platform.url}/hub/login")
    await page.locator("#username_input").fill("alice")
    await page.locator("#password_input").fill("tests")
    await page.locator("#login_submit").click()
    await page.wait_for_url("**/user/alice/**")
    await page.goto(f"{server}lab/tree/cells.ipynb")
    await ready(page)
    job_id = await send(page, await ask_for_job(page))
    log = page.get_by_role("region", name=re.compile("^Log, "))
    await expect(log.get_by_text("six times seven is 42")).to_be_visible()
    await context.close()
    with platform.http("alice") as http:
        eventually("it ends", lambda: http.get(f"{API}/jobs/{job_id}").json()["status"] == "succeeded", 60)


def test_a_notebook_has_no_account_in_the_cluster(platform: Installation, notebook: str) -> None:
    assert platform.inside(notebook, "sh", "-c", "ls /var/run/secrets/kubernetes.io 2>/dev/null || true") == ""
    assert platform.inside(notebook, "id", "-u").strip() == "1000"
    ask = "curl -ks -m 10 https://10.96.0.1/api/v1/namespaces/default/pods"
    assert json.loads(platform.inside(notebook, "sh", "-c", ask))["code"] in (401, 403)


def test_bobs_notebook_in_an_image_of_his_own_sees_nothing_of_alices(
    platform: Installation, notebook: str, private_registry: tuple[str, str]
) -> None:
    platform.inside(notebook, "sh", "-c", "touch /storage/private-to-alice ~/private-to-alice")
    account, password = private_registry
    image = platform.product.base.replace(REGISTRY, PRIVATE_REGISTRY)
    with platform.http("bob") as http:
        given = {"account": account, "value": password}
        assert http.put(f"{API}/secrets/registry/{PRIVATE_REGISTRY}", json=given).status_code == 200
        assert http.post(f"{API}/own-images", json={"name": image, "check": False}).status_code in (200, 201)
    platform.start_notebook("bob", image=image, machine="small")
    platform.until_ready("bob")
    seen = platform.inside(
        platform.notebook_pod("bob"),
        "sh",
        "-c",
        "find / -name private-to-alice -not -path '/proc/*' 2>/dev/null; ls /storage",
    )
    assert "private" not in seen
    # Its image has Python and no Jupyter; the server in it came with the platform.
    assert "/.outrider/venv" in platform.inside(
        platform.notebook_pod("bob"), "sh", "-c", "readlink /proc/1/exe; tr '\\0' ' ' </proc/1/cmdline"
    )
    accounts = ("get", "secrets", "--field-selector=type=kubernetes.io/dockerconfigjson", "-o", "name")
    assert platform.kubectl(*accounts) != ""
    platform.stop_notebook("bob")
    eventually("his account is gone with it", lambda: not platform.kubectl(*accounts), 30)


def test_an_image_that_can_hold_no_notebook_is_refused_with_what_to_do(platform: Installation) -> None:
    said = platform.refused("bob", "bare", image="nothing", machine="tiny")
    assert "neither Jupyter nor Python" in said
    assert "pip install jupyterhub" in said


def test_an_image_that_is_not_there_is_given_up_at_once(platform: Installation) -> None:
    said = platform.refused("bob", "gone", image="no-such-image:1", machine="tiny")
    assert "The image could not be pulled" in said
    assert "no-such-image:1" in said


def test_a_hub_that_restarts_finds_its_notebooks(platform: Installation, notebook: str) -> None:
    uid = platform.kubectl("get", "pod", notebook, "-o", "jsonpath={.metadata.uid}")
    platform.kubectl("rollout", "restart", f"deployment/{platform.name}-hub")
    platform.kubectl("rollout", "status", f"deployment/{platform.name}-hub", "--timeout=120s")
    eventually("the notebook answers", lambda: _status(platform) == 200, 60)
    assert platform.kubectl("get", "pod", notebook, "-o", "jsonpath={.metadata.uid}") == uid


def test_an_upgrade_leaves_notebooks_and_jobs_alone(platform: Installation, notebook: str, tmp_path: Path) -> None:
    if (before := previous_chart(tmp_path)) is not None:
        # As it was before its last change; what its schema did not know yet is no matter here.
        words = ("--skip-schema-validation", "--wait", "--timeout=4m")
        platform.helm("upgrade", platform.name, str(before), *words, values=platform.values())
    with platform.http("alice") as http:
        job_id = http.post(f"{API}/jobs", json={"command": "sleep 30; echo through", "machine": "tiny"}).json()["id"]
        eventually("it runs", lambda: http.get(f"{API}/jobs/{job_id}").json()["status"] == "running", 60)
    pods = {pod: platform.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}") for pod in (notebook,)}
    values = platform.values()
    values["hub"]["cullTimeout"] = 7200
    platform.helm("upgrade", platform.name, str(CHART), "--wait", "--timeout=4m", values=values)
    for pod, uid in pods.items():
        assert platform.kubectl("get", "pod", pod, "-o", "jsonpath={.metadata.uid}") == uid
    with platform.http("alice") as http:

        def ended() -> bool:
            answer = http.get(f"{API}/jobs/{job_id}")
            return answer.status_code == 200 and answer.json()["status"] in ("succeeded", "failed")

        eventually("it ends", ended, 90)
        job = http.get(f"{API}/jobs/{job_id}").json()
        assert (job["status"], job["attempt"]) == ("succeeded", 1)
    eventually("the notebook answers", lambda: _status(platform) == 200, 60)


def test_prometheus_reads_figures_with_its_token_and_nothing_else(platform: Installation) -> None:
    key = ("get", "secret", platform.name, "-o", "jsonpath={.data.metrics-token}")
    token = base64.b64decode(platform.kubectl(*key)).decode()
    headers = {"Authorization": f"token {token}"}
    with platform.client(headers=headers) as prometheus:
        answer = prometheus.get(f"{API}/metrics/prometheus")
        assert answer.status_code == 200, answer.text
        assert "outrider_jobs{" in answer.text
        assert prometheus.post(f"{API}/jobs", json={"command": "true"}).status_code == 403
        assert prometheus.get("/hub/api/users").status_code == 403


def test_the_rights_are_no_more_than_needed(platform: Installation) -> None:
    def may(account: str, *words: str) -> bool:
        who = f"--as=system:serviceaccount:{platform.name}:{platform.name}-{account}"
        return platform.kubectl("auth", "can-i", *words, who, check=False).strip() == "yes"

    assert may("service", "create", "jobs")
    assert may("hub", "create", "pods")
    for account in ("hub", "service"):
        for words in (
            ("get", "secrets"),
            ("list", "secrets"),
            ("create", "pods", "--subresource=exec"),
            ("create", "rolebindings.rbac.authorization.k8s.io"),
        ):
            assert not may(account, *words), (account, words)
    assert not may("service", "create", "pods")
    assert not may("hub", "delete", "jobs")
    assert not may("hub", "list", "pods", "--all-namespaces")


def test_an_uninstall_says_what_it_keeps_and_keeps_it(platform: Installation) -> None:
    said = platform.helm("uninstall", platform.name, "--wait")
    assert f"{platform.name}-platform" in said
    kept = platform.kubectl("get", "pvc,secret", "-o", "name")
    for name in (f"claim/{platform.name}-platform", f"claim/{platform.name}-hub", f"secret/{platform.name}"):
        assert name in kept


def previous_chart(folder: Path) -> Path | None:
    """The chart before the last commit that changed it; None where the history is not that long."""
    place = str(CHART.relative_to(CHECKOUT))
    words = ["git", "-C", str(CHECKOUT), "log", "--format=%H", "-2", "--", place]
    commits = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    if len(commits) < 2:
        return None
    archive = subprocess.check_output(["git", "-C", str(CHECKOUT), "archive", commits[1], place])
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder / place


def _status(platform: Installation) -> int:
    with platform.http("alice") as http:
        return http.get(f"{platform.notebook_url('alice')}api/status").status_code
