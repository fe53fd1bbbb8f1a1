"""A release as somebody new to it installs it: the values of docs/admin/kubernetes.md, the chart's own login, and a
person who logs in with the password that helm's notes lead to."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.cluster.harness.places import CHECKOUT
from tests.cluster.harness.product import Product
from tests.cluster.installed import CHART, Installation
from tests.cluster.tools import Cluster
from tests.integration.harness import eventually

PAGE = CHECKOUT / "docs/admin/kubernetes.md"
API = "/services/outrider/api/v1"
IMAGE = "outrider/notebook-cpu"
PARTS = ("hub", "service", "proxy")


def documented_values() -> dict[str, Any]:
    """The file that the page has its reader write."""
    found = re.search(r"\n    # values\.yaml\n((?:    .*\n)+)", PAGE.read_text())
    assert found is not None
    values: dict[str, Any] = yaml.safe_load(found[1])
    return values


class Newcomer(Installation):
    """Differs from what the page says in where images are from, and in nothing else but what ``more`` has."""

    admin = "admin"

    def __init__(
        self, cluster: Cluster, product: Product, name: str, folder: Path, *, namespace: str, **more: Any
    ) -> None:
        super().__init__(cluster, product, name, folder, namespace=namespace)
        self.more = more
        self._token: str | None = None

    def values(self, **changes: Any) -> dict[str, Any]:
        values = documented_values()
        here = {"hub": self.product.hub, "service": self.product.service, "runner": self.product.runner}
        assert here.keys() < values["images"].keys()
        assert values["images"]["catalog"].keys() == {IMAGE}
        values["images"] |= {**here, "proxy": self.product.proxy, "catalog": {IMAGE: self.product.notebook}}
        return values | self.more | changes

    # -- the person -------------------------------------------------------------------------------------------------

    def password(self) -> str:
        """As the notes have it looked up."""
        path = "jsonpath={.data.admin-password}"
        return base64.b64decode(self.kubectl("get", "secret", self.name, "-o", path)).decode()

    def log_in(self, password: str) -> httpx.Response:
        """Through the page, as a browser does."""
        with self.client(follow_redirects=True) as browser:
            assert browser.get("/hub/login").status_code == 200
            form = {"username": self.admin, "password": password, "_xsrf": browser.cookies["_xsrf"]}
            return browser.post("/hub/login", data=form)

    def token(self, user: str) -> str:
        """One that the admin makes, and keeps."""
        if self._token is None:
            auth = {"username": self.admin, "password": self.password()}
            with self.client() as http:
                answer = http.post(f"/hub/api/users/{user}/tokens", json={"auth": auth})
            answer.raise_for_status()
            self._token = str(answer.json()["token"])
        return self._token

    # -- what runs --------------------------------------------------------------------------------------------------

    def install(self, chart: Path = CHART) -> str:
        """Until its Hub has made its routes, some seconds after it is ready, a visitor is told to wait."""
        said = super().install(chart)
        eventually("the service answers", self.service_answers, 60)
        return said

    def notebook_answers(self) -> bool:
        return self._answers(f"{self.notebook_url(self.admin)}api/status")

    def service_answers(self) -> bool:
        return self._answers(f"{API}/health")

    def _answers(self, path: str) -> bool:
        try:
            with self.http(self.admin) as http:
                return http.get(path).status_code == 200
        except httpx.HTTPError:
            return False

    def run(self, command: str) -> str:
        """A job that runs; its id."""
        with self.http(self.admin) as http:
            answer = http.post(f"{API}/jobs", json={"command": command, "machine": "small"})
            assert answer.status_code == 201, answer.text
        job_id = str(answer.json()["id"])
        eventually("it runs", lambda: self.job(job_id)["status"] == "running", 120)
        return job_id

    def job(self, job_id: str) -> dict[str, Any]:
        """As the API has it; nothing while it does not answer, and "unknown" where it does not know the job."""
        try:
            with self.http(self.admin) as http:
                answer = http.get(f"{API}/jobs/{job_id}")
        except httpx.HTTPError:
            return {"status": None}
        if answer.status_code == 404 and answer.headers["Content-Type"].startswith("application/json"):
            return {"status": "unknown"}
        found: dict[str, Any] = answer.json() if answer.status_code == 200 else {"status": None}
        return found

    def ended(self, job_id: str) -> dict[str, Any]:
        eventually("it ends", lambda: self.job(job_id)["status"] in ("succeeded", "failed", "cancelled"), 150)
        return self.job(job_id)

    def uids(self, *words: str) -> dict[str, str]:
        """Of what kubectl finds with these words, by name."""
        items = self.cluster.get("-n", self.namespace, *words)["items"]
        return {item["metadata"]["name"]: item["metadata"]["uid"] for item in items}

    def pod_of(self, job_id: str) -> dict[str, str]:
        return self.uids("pods", "-l", f"outrider.dev/job={job_id}")

    def part(self, part: str) -> dict[str, str]:
        mine = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component={part}"
        return self.uids("pods", "-l", mine)

    def parts(self) -> dict[str, dict[str, str]]:
        return {part: self.part(part) for part in PARTS}

    def rolled_out(self, part: str) -> None:
        self.kubectl("rollout", "status", f"deployment/{self.name}-{part}", "--timeout=180s", seconds=200)

    def scale(self, part: str, replicas: int) -> None:
        self.kubectl("scale", f"deployment/{self.name}-{part}", f"--replicas={replicas}")
        if replicas:
            self.rolled_out(part)
        else:
            eventually(f"the {part} is gone", lambda: not self.part(part), 90)
