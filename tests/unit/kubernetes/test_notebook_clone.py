"""A notebook's repository in a cluster: an init container that clones, told what by the Hub, read by what it says."""

from __future__ import annotations

import json
from pathlib import Path

from outrider_hub.spawner import pod_state
from outrider_hub.spawner.plan import clone_order
from outrider_service.backends.base import NotebookPlace
from outrider_service.backends.kubernetes import KubernetesSettings, notebook
from outrider_service.catalog import MachineType
from outrider_service.schema.resources import Repository

HOME = Path("/srv")
SETTINGS = KubernetesSettings(runner_image="r:1", images={})
PLACE = NotebookPlace(
    lease="notebook/ann/",
    owner="ann",
    machine=MachineType(name="small", cpu=1, memory_mb=512),
    image="team/lab:1",
    image_digest=None,
    mounts=[(HOME / "homes/ann", "/home/outrider", False), (HOME / "storage/ann", "/storage", False)],
)
REPOSITORY = Repository(url="https://git.example/x.git", ref=None, folder="x", login=["me", "s3cret"])


def test_it_sees_the_home_and_nothing_else_of_the_user() -> None:
    pod = notebook.notebook_pod(PLACE, HOME, SETTINGS, HOME / "runner" / "1")
    clone = pod["init_containers"][-1]
    assert clone["name"] == notebook.CLONE and clone["image"] == "r:1"
    assert {mount["mountPath"]: mount["subPath"] for mount in clone["volumeMounts"]} == {
        "/home/outrider": "homes/ann",
        "/.outrider/runner": "runner/1",
    }
    assert clone["securityContext"]["allowPrivilegeEscalation"] is False
    without = notebook.notebook_pod(PLACE, HOME, SETTINGS)
    assert notebook.CLONE not in [container["name"] for container in without["init_containers"]]


def test_what_to_clone_outlives_the_braces_that_kubespawner_fills_in() -> None:
    containers = notebook.notebook_pod(PLACE, HOME, SETTINGS, HOME / "runner" / "1")["init_containers"]
    told = pod_state.with_order(containers, clone_order(REPOSITORY, 600))
    (value,) = [entry["value"] for entry in told[-1]["env"] if entry["name"] == "OUTRIDER_CLONE"]
    order = json.loads(value.format(username="ann"))
    assert (order["url"], order["folder"], order["login"], order["timeout_s"]) == (
        "https://git.example/x.git",
        "x",
        ["me", "s3cret"],
        600,
    )
    assert "s3cret" not in json.dumps(told[:-1]) and "OUTRIDER_CLONE" not in json.dumps(containers)


def test_why_it_failed_is_in_the_pods_status() -> None:
    ended = {"name": notebook.CLONE, "state": {"terminated": {"exitCode": 0, "message": "There is no git.example.\n"}}}
    assert pod_state.clone_said({"status": {"initContainerStatuses": [ended]}}) == "There is no git.example."
    fine = {"name": notebook.CLONE, "state": {"terminated": {"exitCode": 0}}}
    assert pod_state.clone_said({"status": {"initContainerStatuses": [fine]}}) is None
    assert pod_state.clone_said({}) is None
