"""Accounts at registries: each goes to its own registry only, in the form in which the kubelet looks for it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outrider_service.backends.base import Attempt, NotebookPlace
from outrider_service.backends.kubernetes import KubernetesSettings, manifests, notebook
from outrider_service.catalog import MachineType
from outrider_service.storage.directories import Directories
from outrider_service.vault import RegistryLogin

SETTINGS = KubernetesSettings(runner_image="r:1", images={"team": "ghcr.io/org/team:2"}, pull_secrets=("all",))
LOGINS = tuple(RegistryLogin(name, f"{name}-user", "pass:word") for name in ("docker.io", "ghcr.io", "host:5000"))


def auths(secret: dict[str, Any]) -> Any:
    return json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))["auths"]


@pytest.mark.parametrize(
    ("image", "key", "user"),
    [
        ("alice/private:1", "https://index.docker.io/v1/", "docker.io-user"),
        ("ghcr.io/alice/x", "ghcr.io", "ghcr.io-user"),
        ("host:5000/x:1", "host:5000", "host:5000-user"),
        ("team", "ghcr.io", "ghcr.io-user"),
    ],
)
def test_the_images_registry_gets_its_own_account_and_no_other(
    attempt: Callable[..., Attempt], image: str, key: str, user: str
) -> None:
    wanted = attempt(image=image, registry_logins=LOGINS)
    secret = manifests.pulling(wanted, SETTINGS)
    assert secret is not None
    assert secret["type"] == "kubernetes.io/dockerconfigjson"
    basic = base64.b64encode(f"{user}:pass:word".encode()).decode()
    assert auths(secret) == {key: {"username": user, "password": "pass:word", "auth": basic}}
    job = manifests.job(wanted, SETTINGS, Directories(Path("/srv")), Path("/srv/runner/1"))
    assert job["spec"]["template"]["spec"]["imagePullSecrets"] == [
        {"name": secret["metadata"]["name"]},
        {"name": "all"},
    ]
    assert manifests.has_pull_secret(job)
    assert "pass:word" not in json.dumps(job)


@pytest.mark.parametrize("image", ["quay.io/x/y:1", "NOT AN IMAGE"])
def test_an_image_elsewhere_gets_none(attempt: Callable[..., Attempt], image: str) -> None:
    wanted = attempt(image=image, registry_logins=LOGINS)
    assert manifests.pulling(wanted, SETTINGS) is None
    job = manifests.job(wanted, SETTINGS, Directories(Path("/srv")), Path("/srv/runner/1"))
    assert job["spec"]["template"]["spec"]["imagePullSecrets"] == [{"name": "all"}]
    assert not manifests.has_pull_secret(job)


def test_a_users_own_image_is_asked_for_at_the_registry_each_time(attempt: Callable[..., Attempt]) -> None:
    """Or whoever names an image that a node has already would get it, without an account."""

    def policy(**changes: Any) -> str | None:
        made = manifests.pod(attempt(**changes), SETTINGS, Directories(Path("/srv")), Path("/srv/runner/1"))
        found: str | None = made["containers"][0].get("imagePullPolicy")
        return found

    assert policy(own_image=True) == "Always"
    assert policy() is None


def place(**changes: Any) -> NotebookPlace:
    wanted: dict[str, Any] = {
        "lease": "notebook/alice/",
        "owner": "alice",
        "machine": MachineType(name="small", cpu=1, memory_mb=512),
        "image": "ghcr.io/alice/lab:1",
        "image_digest": None,
        "mounts": [],
        **changes,
    }
    return NotebookPlace(**wanted)


def test_a_notebook_has_a_secret_of_its_own() -> None:
    mine = notebook.notebook_pulling(place(registry_logins=LOGINS), SETTINGS)
    others = notebook.notebook_pulling(place(registry_logins=LOGINS, lease="notebook/bob/"), SETTINGS)
    assert mine is not None
    assert others is not None
    assert mine["metadata"]["name"] != others["metadata"]["name"]
    pod = notebook.notebook_pod(place(registry_logins=LOGINS), Path("/srv"), SETTINGS)
    assert pod["pull_secrets"] == [mine["metadata"]["name"], "all"]
    assert notebook.notebook_pod(place(), Path("/srv"), SETTINGS)["pull_secrets"] == ["all"]


def test_a_pinned_image_is_pinned_in_notebooks_too() -> None:
    digest = "sha256:" + "ab" * 32
    pod = notebook.notebook_pod(place(image_digest=digest, own_image=True), Path("/srv"), SETTINGS)
    assert pod["image"] == f"ghcr.io/alice/lab@{digest}"
    assert pod["pull_policy"] == "Always"
