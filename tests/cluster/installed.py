"""The chart, installed on the cluster for the tests, and its users."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.cluster.harness.places import CHECKOUT
from tests.cluster.harness.product import Product
from tests.cluster.harness.programs import go_programs
from tests.cluster.tools import UID, Cluster, volume
from tests.integration.harness import eventually
from tests.integration.hub.platform_process import LocalNames

CHART = CHECKOUT / "helm/outrider"
STORAGE = "outrider-test"
USERS = ("alice", "bob", "root")
HUB_CONFIG = """
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "tests"
c.Authenticator.allowed_users = {"alice", "bob", "root"}
c.Authenticator.admin_users = {"root"}
c.JupyterHub.api_tokens = {f"{name}-token": name for name in ("alice", "bob", "root")}
"""


class Installation:
    """One release, under the restricted standard, in a namespace of its own unless one is named."""

    admin = "root"

    def __init__(
        self, cluster: Cluster, product: Product, name: str, folder: Path, *, namespace: str | None = None
    ) -> None:
        self.cluster = cluster
        self.product = product
        self.name = name
        self.namespace = namespace or name
        self.folder = folder

    # -- the chart ----------------------------------------------------------------------------------------------

    def values(self, **changes: Any) -> dict[str, Any]:
        small = {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "1Gi"}}
        images = {
            "hub": self.product.hub,
            "service": self.product.service,
            "runner": self.product.runner,
            "proxy": self.product.proxy,
            "catalog": {
                "python": self.product.notebook,
                "nothing": self.product.no_python,
            },
        }
        machines = [
            {"name": "small", "cpu": 0.1, "memory_mb": 512},
            {"name": "tiny", "cpu": 0.05, "memory_mb": 128},
        ]
        names = ("python", "nothing", "no-such-image:1")
        return {
            "images": images,
            "hub": {"config": {"10-tests.py": HUB_CONFIG}, "resources": small},
            "service": {"resources": small},
            "proxy": {"resources": small},
            "storage": {"size": "1Gi"},
            "catalog": {"images": [{"name": name} for name in names], "machines": machines},
            **changes,
        }

    def helm(self, *words: str, values: dict[str, Any] | None = None) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), "HELM_CACHE_HOME": str(self.folder)}
        command = [str(go_programs("helm")["helm"]), "-n", self.namespace, *words]
        if values is not None:
            command += ["-f", "-"]
        told = None if values is None else json.dumps(values)
        done = subprocess.run(
            command, input=told, env=environment, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, chart: Path = CHART) -> str:
        self.prepare()
        return self.helm("install", self.name, str(chart), "--wait", "--timeout=4m", values=self.values())

    def upgrade(self, *words: str, chart: Path = CHART, values: dict[str, Any] | None = None) -> str:
        wanted = self.values() if values is None else values
        return self.helm("upgrade", self.name, str(chart), "--wait", "--timeout=4m", *words, values=wanted)

    def prepare(self) -> None:
        """What a cluster has before anything is installed: the namespace, and a storage class that makes volumes."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        claims = [f"{self.name}-platform", f"{self.name}-hub"]
        for claim in claims:
            (self.folder / claim).mkdir(parents=True)
            os.chown(self.folder / claim, UID, UID)
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}},
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "StorageClass",
                "metadata": {
                    "name": STORAGE,
                    "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
                },
                "provisioner": "kubernetes.io/no-provisioner",
            },
            *(
                volume(claim, self.folder / claim, {"namespace": self.namespace, "name": claim}, STORAGE)
                for claim in claims
            ),
        )

    def remove(self) -> None:
        kubectl = self.cluster.kubectl
        kubectl("delete", "namespace", self.namespace, "--ignore-not-found", "--wait=true", check=False)
        self._remove_volumes()
        kubectl("delete", "storageclass", STORAGE, "--ignore-not-found", check=False)
        mine = f"app.kubernetes.io/instance={self.name}"
        kubectl("delete", "clusterrole,clusterrolebinding,priorityclass", "-l", mine, check=False)

    def leave(self) -> None:
        """Takes a release away and leaves the namespace to the other that it was put beside."""
        with contextlib.suppress(AssertionError):
            self.helm("uninstall", self.name, "--wait")
        mine = f"app.kubernetes.io/instance={self.name}"
        self.kubectl("delete", "jobs,pods,pvc,secrets", "-l", mine, check=False)
        self._remove_volumes()

    def _remove_volumes(self) -> None:
        kubectl = self.cluster.kubectl
        for claim in (f"{self.name}-platform", f"{self.name}-hub"):
            kubectl("delete", "pv", claim, "--ignore-not-found", "--wait=true", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- its users ----------------------------------------------------------------------------------------------

    def kubectl(self, *words: str, check: bool = True, seconds: float = 120) -> str:
        return self.cluster.kubectl("-n", self.namespace, *words, check=check, seconds=seconds)

    @property
    def url(self) -> str:
        """Where its notes lead: the near end of a tunnel to the proxy."""
        return "http://localhost:8000"

    @property
    def proxy(self) -> str:
        """The proxy's address in the cluster, which this machine is a node of."""
        found = self.cluster.get("-n", self.namespace, "service", f"{self.name}-proxy")
        return str(found["spec"]["clusterIP"])

    def client(self, url: str = "", **options: Any) -> httpx.Client:
        """For anything of it, as through that tunnel."""
        there = LocalNames(host=self.proxy, port=80)
        return httpx.Client(base_url=url or self.url, transport=there, timeout=30, **options)

    def notebook_url(self, user: str, server: str = "") -> str:
        return f"http://{user}.localhost:8000/user/{user}/{server + '/' if server else ''}"

    def token(self, user: str) -> str:
        return f"{user}-token"

    def notebook_pod(self, user: str, server: str = "") -> str:
        """The name of the pod of a user's notebook, as anybody finds it out."""
        mine = f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=notebook"
        for pod in self.cluster.get("-n", self.namespace, "pods", "-l", mine)["items"]:
            said = pod["metadata"]["annotations"]
            if (said["hub.jupyter.org/username"], said.get("hub.jupyter.org/servername", "")) == (user, server):
                return str(pod["metadata"]["name"])
        raise AssertionError(f"{user} has no notebook {server!r} in {self.name}")

    def http(self, user: str) -> httpx.Client:
        return self.client(headers={"Authorization": f"token {self.token(user)}"})

    def start_notebook(self, user: str, server: str = "", **options: str) -> None:
        with self.http(user) as http:
            path = f"/hub/api/users/{user}/servers/{server}" if server else f"/hub/api/users/{user}/server"
            answer = http.post(path, json=options)
            assert answer.status_code in (201, 202), answer.text

    def refused(self, user: str, server: str, **options: str) -> str:
        """Start a server that cannot work, and wait until it is given up; what its owner is told."""
        path = f"/hub/api/users/{user}/servers/{server}"
        with self.http(user) as http:
            answer = http.post(path, json=options)
            if answer.status_code >= 400:
                return answer.text
            eventually("it is given up", lambda: not self.notebook(user, server).get("pending"), 90)
            with http.stream("GET", f"{path}/progress") as stream:
                said = stream.read().decode()
        return said if '"failed": true' in said else self.log("hub")

    def notebook(self, user: str, server: str = "") -> dict[str, Any]:
        with self.http(self.admin) as http:
            model = http.get(f"/hub/api/users/{user}").json()
        found: dict[str, Any] = model["servers"].get(server) or {}
        return found

    def until_ready(self, user: str, server: str = "") -> None:
        def look() -> bool:
            found = self.notebook(user, server)
            assert found, "the server is gone: " + self.log("hub")
            return bool(found["ready"])

        eventually(f"the notebook of {user} is ready", look, 150)

    def stop_notebook(self, user: str, server: str = "") -> None:
        path = f"/hub/api/users/{user}/servers/{server}" if server else f"/hub/api/users/{user}/server"
        with self.http(user) as http:
            http.delete(path)
        eventually("the notebook is gone", lambda: not self.notebook(user, server), 90)

    def inside(self, pod: str, *words: str, check: bool = True) -> str:
        return self.kubectl("exec", pod, "-c", "notebook", "--", *words, check=check)

    def log(self, part: str) -> str:
        return self.kubectl("logs", f"deployment/{self.name}-{part}", "--tail=60", check=False)
