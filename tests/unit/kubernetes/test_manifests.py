"""Manifests as whole documents: what goes to the API server is what is written here."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outrider_service.backends.base import Attempt
from outrider_service.backends.kubernetes import KubernetesSettings, manifests
from outrider_service.catalog import KubernetesPlacement, MachineType
from outrider_service.storage.directories import Directories

Make = Callable[..., Attempt]
HOME = Directories(Path("/srv/outrider"))
RUNNER_AT = Path("/srv/outrider/runner/abc")
SETTINGS = KubernetesSettings(
    namespace="jobs",
    volume_claim="platform",
    runner_image="registry/runner:1",
    images={"python": "registry/python:3"},
    hub_url="http://proxy",
    instance="prod",
    installation="0123456789abcdef",
)
MARK = SETTINGS.owner.mark
NAME = f"outrider-{MARK}-j0123456789ab-2"
LABELS = {
    "app.kubernetes.io/managed-by": "outrider",
    "app.kubernetes.io/part-of": "outrider",
    "app.kubernetes.io/instance": "prod",
    "app.kubernetes.io/component": "job",
    "outrider.dev/installation": MARK,
    "outrider.dev/job": "j0123456789ab",
    "outrider.dev/attempt": "2",
}
MARKS = {**LABELS, "outrider.dev/machine": "small"}
INDEX = {"fieldRef": {"fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"}}
LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RUNNER = "import sys; sys.path.insert(0, '/.outrider/runner'); from outrider_runner.__main__ import main; main()"


def on_volume(path: str, sub_path: str, **more: Any) -> dict[str, Any]:
    return {"name": "platform", "mountPath": path, "subPath": sub_path, **more}


SHARED = [
    on_volume("/.outrider/runner", "runner/abc", readOnly=True),
    {"name": "run", "mountPath": "/.outrider/run.json", "subPath": "run.json", "readOnly": True},
    {"name": "run", "mountPath": "/.outrider/command", "subPath": "command", "readOnly": True},
    on_volume("/.outrider/log", "run/jobs/j0123456789ab-2/log"),
    {"name": "home", "mountPath": "/home/outrider"},
    on_volume("/workspace", "jobs/j0123456789ab/workspace"),
]


def test_a_job_on_one_machine(attempt: Make) -> None:
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 10,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60}
            for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        ],
        "initContainers": [
            {
                "name": "workspace",
                "image": "registry/runner:1",
                "command": ["python3", "-I", "-S", "-c", RUNNER, "--prepare", "--spec", "/.outrider/run.json"],
                "env": [
                    {"name": "HOME", "value": "/home/outrider"},
                    {"name": "OUTRIDER_NODE", "valueFrom": INDEX},
                ],
                "workingDir": "/workspace",
                "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "1024Mi"}},
                "securityContext": LOCKED,
                "volumeMounts": [
                    *SHARED,
                    on_volume("/.outrider/snapshot.zip", f"snapshots/{'ab' * 32}.zip", readOnly=True),
                ],
            },
        ],
        "containers": [
            {
                "name": "job",
                "image": "registry/python:3",
                "command": ["/bin/sh", "/.outrider/runner/start"],
                "env": [
                    {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": NAME, "key": "env.TOKEN"}}},
                    {"name": "HOME", "value": "/home/outrider"},
                    {"name": "OUTRIDER_ARTIFACTS", "value": "/artifacts"},
                    {"name": "OUTRIDER_STORAGE", "value": "/storage"},
                    {"name": "OUTRIDER_DATASETS", "value": "/datasets"},
                    {"name": "PS_ARTIFACTS", "value": "/artifacts"},
                    {"name": "PS_JOBSPACE", "value": "/storage"},
                    {"name": "PS_DATASETS", "value": "/datasets"},
                    {"name": "OUTRIDER_URL", "value": "http://proxy"},
                    {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"},
                    {"name": "OUTRIDER_NODE", "valueFrom": INDEX},
                ],
                "workingDir": "/workspace",
                "ports": [{"containerPort": 8080, "protocol": "TCP"}],
                "resources": {"requests": {"cpu": "500m", "memory": "1024Mi"}, "limits": {"memory": "1024Mi"}},
                "securityContext": LOCKED,
                "volumeMounts": [
                    *SHARED,
                    on_volume("/artifacts", "jobs/j0123456789ab/artifacts"),
                    on_volume("/datasets", "datasets", readOnly=True),
                    on_volume("/storage", "users/alice/storage"),
                    on_volume("/teams/team", "teams/team"),
                    on_volume("/inputs/model", "jobs/j111111111111/artifacts", readOnly=True),
                    {"name": "shm", "mountPath": "/dev/shm"},
                ],
                "terminationMessagePolicy": "File",
            }
        ],
        "volumes": [
            {"name": "platform", "persistentVolumeClaim": {"claimName": "platform"}},
            {"name": "home", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "512Mi"}},
            {
                "name": "run",
                "secret": {
                    "secretName": NAME,
                    "items": [{"key": key, "path": key, "mode": 0o440} for key in ("run.json", "command")],
                },
            },
        ],
    }
    assert manifests.job(attempt(), SETTINGS, HOME, RUNNER_AT) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": NAME,
            "labels": MARKS,
            "annotations": {"outrider.dev/owner": "alice", "outrider.dev/pull-secret": "false"},
        },
        "spec": {
            "completions": 1,
            "parallelism": 1,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "template": {
                "metadata": {"labels": MARKS, "annotations": {"outrider.dev/owner": "alice"}},
                "spec": pod,
            },
        },
    }


def test_what_may_be_secret_is_in_the_secret_alone(attempt: Make) -> None:
    wanted = attempt(env={"TOKEN": "hunter2"}, command="echo hunter3")
    secret = manifests.secret(wanted, SETTINGS)
    data = {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}
    assert {key: data[key] for key in ("env.TOKEN", "command")} == {"env.TOKEN": "hunter2", "command": "echo hunter3\n"}
    assert json.loads(data["run.json"]) == {
        "command": "echo hunter3",
        "args": None,
        "notebook": None,
        "params": {"lr": 0.1},
        "workspace": {"type": "snapshot", "archive": "/.outrider/snapshot.zip"},
        "workspace_dir": "/workspace",
        "artifacts_dir": "/artifacts",
        "max_workspace_mb": 4096,
        "sample_s": 10,
        "grace_s": 10.0,
        "pynvml_path": "/.outrider/runner/nvml",
        "memory_bytes": 1024 * 2**20,
        "log_dir": "/.outrider/log",
        "relays": {"61000": 8080},
    }
    job = json.dumps(manifests.job(wanted, SETTINGS, HOME, RUNNER_AT))
    assert "hunter2" not in job
    assert "hunter3" not in job


def test_secrets_of_the_vault_and_pinned_images(attempt: Make) -> None:
    wanted = attempt(
        image="ghcr.io:443/team/image:1",
        image_digest="sha256:" + "0" * 64,
        secrets={"KEY": "hunter4"},
        git_login=("me", "hunter5"),
        workspace={"type": "git", "url": "https://g/x", "ref": "main"},
    )
    job = manifests.job(wanted, SETTINGS, HOME, RUNNER_AT)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "ghcr.io:443/team/image@sha256:" + "0" * 64
    assert {entry["name"] for entry in container["env"]} >= {"TOKEN", "KEY"}
    assert "hunter" not in json.dumps(job)
    data = manifests.secret(wanted, SETTINGS)["data"]
    assert base64.b64decode(data["env.KEY"]) == b"hunter4"
    assert json.loads(base64.b64decode(data["run.json"]))["workspace"]["login"] == ["me", "hunter5"]


def test_several_machines_find_each_other(attempt: Make) -> None:
    wanted = attempt(nodes=3)
    job = manifests.job(wanted, SETTINGS, HOME, RUNNER_AT)
    pod = job["spec"]["template"]["spec"]
    env = {entry["name"]: entry.get("value") or entry["valueFrom"] for entry in pod["containers"][0]["env"]}
    assert (job["spec"]["completions"], job["spec"]["parallelism"]) == (3, 3)
    assert pod["subdomain"] == manifests.service(wanted, SETTINGS)["metadata"]["name"] == NAME
    assert env["MASTER_ADDR"] == env["PET_MASTER_ADDR"] == f"{NAME}-0.{NAME}"
    assert env["WORLD_SIZE"] == env["NNODES"] == env["PET_NNODES"] == "3"
    assert env["RANK"] == env["NODE_RANK"] == env["PET_NODE_RANK"] == INDEX
    workspace = next(m for m in pod["containers"][0]["volumeMounts"] if m["mountPath"] == "/workspace")
    assert workspace["subPathExpr"] == "jobs/j0123456789ab/workspace/$(OUTRIDER_NODE)"
    assert manifests.service(wanted, SETTINGS)["spec"] == {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": LABELS,
    }


def test_what_the_user_sets_is_not_set_over_but_for_the_platforms_own(attempt: Make) -> None:
    env = {"RANK": "7", "OUTRIDER_NODE": "../../jother", "HOME": "/tmp", "OUTRIDER_URL": "http://mine"}
    pod = manifests.pod(attempt(nodes=2, env=env), SETTINGS, HOME, RUNNER_AT)
    names = [entry["name"] for entry in pod["containers"][0]["env"]]
    assert len(names) == len(set(names))
    found = {entry["name"]: entry for entry in pod["containers"][0]["env"]}
    assert found["RANK"]["valueFrom"]["secretKeyRef"]["key"] == "env.RANK"
    assert found["OUTRIDER_URL"]["valueFrom"]["secretKeyRef"]["key"] == "env.OUTRIDER_URL"
    assert found["OUTRIDER_NODE"] == {"name": "OUTRIDER_NODE", "valueFrom": INDEX}
    assert found["HOME"] == {"name": "HOME", "value": "/home/outrider"}


def test_gpus_selectors_and_tolerations(attempt: Make) -> None:
    machine = MachineType(
        name="mig",
        cpu=4,
        memory_mb=8192,
        gpu=2,
        kubernetes=KubernetesPlacement(
            gpu_resource="nvidia.com/mig-1g.10gb",
            node_selector={"pool": "spot"},
            tolerations=({"key": "spot", "operator": "Exists"},),
        ),
        preemptible=True,
    )
    settings = SETTINGS.model_copy(update={"pull_secrets": ("all",), "priority_classes": {"0": "low", "10": "high"}})
    pod = manifests.pod(attempt(machine=machine, priority=12), settings, HOME, RUNNER_AT)
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "4000m", "memory": "8192Mi", "nvidia.com/mig-1g.10gb": "2"},
        "limits": {"memory": "8192Mi", "nvidia.com/mig-1g.10gb": "2"},
    }
    assert pod["nodeSelector"] == {"pool": "spot"}
    assert {"key": "spot", "operator": "Exists"} in pod["tolerations"]
    assert pod["imagePullSecrets"] == [{"name": "all"}]
    assert pod["priorityClassName"] == "high"
    assert "NVIDIA_VISIBLE_DEVICES" not in {entry["name"] for entry in pod["containers"][0]["env"]}


def test_a_queue_of_kueue_starts_suspended(attempt: Make) -> None:
    job = manifests.job(attempt(), SETTINGS.model_copy(update={"queue": "team"}), HOME, RUNNER_AT)
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "team"


def test_an_operators_options_are_merged_in(attempt: Make) -> None:
    options = {
        "runtimeClassName": "nvidia",
        "securityContext": {"supplementalGroups": [7]},
        "tolerations": [{"key": "x"}],
    }
    pod = manifests.pod(attempt(), SETTINGS.model_copy(update={"pod_options": options}), HOME, RUNNER_AT)
    assert pod["runtimeClassName"] == "nvidia"
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["supplementalGroups"] == [7]
    assert len(pod["tolerations"]) == 3
