"""An attempt's manifests: pure functions, tested as whole documents."""

from __future__ import annotations

import base64
import json
from pathlib import Path, PurePosixPath
from typing import Any, Final

from ...storage.directories import Directories, slug
from ..attempt_parts import directory_variables
from ..base import Attempt
from ..run_file import INSIDE, SNAPSHOT, run_file
from .image_pull import login_for, pull_secret, reference
from .names import (
    INDEX,
    MACHINE_LABEL,
    MAIN,
    OWNER_ANNOTATION,
    PREPARE,
    PULL_ANNOTATION,
    SCALES_ANNOTATION,
)
from .owner import pull_name
from .settings import KubernetesSettings

Manifest = dict[str, Any]

RUNNER_DIRECTORY: Final = f"{INSIDE}/runner"
HOME: Final = "/home/outrider"
NODE: Final = "OUTRIDER_NODE"
MASTER_PORT: Final = 29500
FIRST_RELAY: Final = 61000
"""The pod's port that is relayed to the first declared port, so that programs on the loopback are reachable too."""
LOST_NODE_S: Final = 60
"""How long to wait for pods on an unreachable node."""
REQUESTS_OF_INIT: Final = {"cpu": "10m", "memory": "64Mi"}


def relay_port(ports: list[int], port: int) -> int:
    return FIRST_RELAY + ports.index(port)


def secret(attempt: Attempt, settings: KubernetesSettings) -> Manifest:
    """The runner's file and the job's variables. Both may hold secrets, so neither is in the Job."""
    told = run_file(attempt, nvml=f"{RUNNER_DIRECTORY}/nvml") | {
        "log_dir": f"{INSIDE}/log",
        "relays": {str(relay_port(attempt.submission.ports, port)): port for port in attempt.submission.ports},
    }
    data = {"run.json": json.dumps(told)}
    if "command" in _files(attempt) and attempt.submission.command:
        data["command"] = attempt.submission.command + "\n"
    # One key per variable: every valid name of a variable is a valid key.
    data |= {f"env.{name}": value for name, value in variables(attempt).items()}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": settings.owner.object_name(attempt.ref), "labels": settings.owner.labels(attempt.ref)},
        "immutable": True,
        "data": {key: base64.b64encode(value.encode()).decode() for key, value in data.items()},
    }


def pulling(attempt: Attempt, settings: KubernetesSettings) -> Manifest | None:
    """The Secret with the login for the image's registry, if there is one."""
    login = login_for(reference(attempt.image, attempt.image_digest, settings), attempt.registry_logins)
    if login is None:
        return None
    return pull_secret(pull_name(settings.owner.object_name(attempt.ref)), settings.owner.labels(attempt.ref), login)


def has_pull_secret(job: Manifest) -> bool:
    """Whether a Job may have such a Secret. Cached Jobs lack their pod templates."""
    return (job["metadata"].get("annotations") or {}).get(PULL_ANNOTATION) != "false"


def service(attempt: Attempt, settings: KubernetesSettings) -> Manifest:
    """Gives the pods of a job on several machines DNS names before they are ready."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": settings.owner.object_name(attempt.ref), "labels": settings.owner.labels(attempt.ref)},
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": settings.owner.labels(attempt.ref),
        },
    }


def network(attempt: Attempt, settings: KubernetesSettings) -> Manifest:
    """Lets the pods of a job on several machines talk to each other and to nobody else's pods."""
    same = [{"podSelector": {"matchLabels": settings.owner.labels(attempt.ref)}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": settings.owner.object_name(attempt.ref), "labels": settings.owner.labels(attempt.ref)},
        "spec": {
            "podSelector": {"matchLabels": settings.owner.labels(attempt.ref)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": same}],
            "egress": [{"to": same}],
        },
    }


def job(attempt: Attempt, settings: KubernetesSettings, directories: Directories, runner: Path) -> Manifest:
    """The Job: one pod per machine, none of them restarted. ``runner``: its path on the volume."""
    name = settings.owner.object_name(attempt.ref)
    marks = settings.owner.labels(attempt.ref) | {MACHINE_LABEL: attempt.machine.name}
    if settings.queue:
        marks["kueue.x-k8s.io/queue-name"] = settings.queue
    spec: Manifest = {
        "completions": attempt.nodes,
        "parallelism": attempt.nodes,
        "completionMode": "Indexed",
        # The service decides what runs again. Losing a pod, for whatever reason, ends the attempt.
        "backoffLimit": 0,
        "podReplacementPolicy": "Failed",
        "template": {
            "metadata": {"labels": {**settings.pod_labels, **marks}, "annotations": {OWNER_ANNOTATION: attempt.owner}},
            "spec": pod(attempt, settings, directories, runner),
        },
    }
    if settings.queue:
        spec["suspend"] = True
    pulls = pulling(attempt, settings) is not None
    annotations = {OWNER_ANNOTATION: attempt.owner, PULL_ANNOTATION: "true" if pulls else "false"}
    if attempt.machine.kubernetes.scales_from_zero:
        annotations[SCALES_ANNOTATION] = "true"
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": marks, "annotations": annotations},
        "spec": spec,
    }


def pod(attempt: Attempt, settings: KubernetesSettings, directories: Directories, runner: Path) -> Manifest:
    name = settings.owner.object_name(attempt.ref)
    mounts = Mounts(attempt, directories, runner)
    machine = attempt.machine
    image = reference(attempt.image, attempt.image_digest, settings)
    spec: Manifest = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": max(1, round(attempt.grace_s)),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": settings.uid,
            "runAsGroup": settings.uid,
            "fsGroup": settings.uid,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "tolerations": [
            {
                "key": f"node.kubernetes.io/{state}",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": LOST_NODE_S,
            }
            for state in ("not-ready", "unreachable")
        ]
        + [dict(toleration) for toleration in machine.kubernetes.tolerations],
        "initContainers": [
            {
                "name": PREPARE,
                "image": settings.runner_image,
                "command": ["python3", "-I", "-S", "-c", RUNNER, "--prepare", "--spec", f"{INSIDE}/run.json"],
                "env": [{"name": "HOME", "value": HOME}, *rank(attempt, settings)],
                "workingDir": "/workspace",
                "resources": {"requests": REQUESTS_OF_INIT, "limits": {"memory": f"{machine.memory_mb}Mi"}},
                "securityContext": LOCKED,
                "volumeMounts": mounts.preparing,
            },
        ],
        "containers": [
            {
                "name": MAIN,
                "image": image,
                "command": ["/bin/sh", f"{RUNNER_DIRECTORY}/start"],
                "env": environment(attempt, settings),
                "workingDir": "/workspace",
                "ports": [{"containerPort": port, "protocol": "TCP"} for port in attempt.submission.ports],
                "resources": resources(attempt),
                "securityContext": LOCKED,
                "volumeMounts": mounts.running,
                "terminationMessagePolicy": "File",
            }
        ],
        "volumes": mounts.volumes(attempt, settings),
    }
    if attempt.submission.workspace.type == "none":
        del spec["initContainers"]
    if attempt.nodes > 1:
        spec["subdomain"] = name
    if machine.kubernetes.node_selector:
        spec["nodeSelector"] = dict(machine.kubernetes.node_selector)
    if attempt.own_image:
        # A node that has the image would run it for anybody who names it.
        spec["containers"][0]["imagePullPolicy"] = "Always"
    secrets = list(settings.pull_secrets)
    if login_for(image, attempt.registry_logins) is not None:
        # The user's before the platform's: the first one that the registry accepts is used.
        secrets.insert(0, pull_name(settings.owner.object_name(attempt.ref)))
    if secrets:
        spec["imagePullSecrets"] = [{"name": one} for one in secrets]
    if (priority := priority_class(attempt.priority, settings.priority_classes)) is not None:
        spec["priorityClassName"] = priority
    return merged(spec, settings.pod_options)


LOCKED: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
RUNNER: Final = (
    f"import sys; sys.path.insert(0, {RUNNER_DIRECTORY!r}); from outrider_runner.__main__ import main; main()"
)


def variables(attempt: Attempt) -> dict[str, str]:
    """The job's own variables, including its owner's secrets."""
    return {**attempt.env, **attempt.secrets}


def resources(attempt: Attempt) -> Manifest:
    """Memory and GPUs are limits; CPUs are shared in proportion to the requests."""
    machine = attempt.machine
    memory = f"{machine.memory_mb}Mi"
    found: Manifest = {
        "requests": {"cpu": f"{round(machine.cpu * 1000)}m", "memory": memory},
        "limits": {"memory": memory},
    }
    if machine.gpu:
        for part in found.values():
            part[machine.kubernetes.gpu_resource] = str(machine.gpu)
    return found


def environment(attempt: Attempt, settings: KubernetesSettings) -> list[Manifest]:
    """The job's own variables from the Secret, the platform's as plain values."""
    name = settings.owner.object_name(attempt.ref)
    fixed = {
        "HOME": HOME,
        **directory_variables(),
    }
    given = variables(attempt)
    if settings.hub_url and "OUTRIDER_URL" not in given:
        fixed["OUTRIDER_URL"] = settings.hub_url
    if not attempt.machine.gpu and "NVIDIA_VISIBLE_DEVICES" not in given:
        # GPU images request all GPUs by default, which NVIDIA's runtime would give them.
        fixed["NVIDIA_VISIBLE_DEVICES"] = "void"
    own = [
        {"name": key, "valueFrom": {"secretKeyRef": {"name": name, "key": f"env.{key}"}}}
        for key in given
        if key not in fixed and key != NODE
    ]
    ranks = [entry for entry in rank(attempt, settings) if entry["name"] == NODE or entry["name"] not in given]
    return [*own, *({"name": key, "value": value} for key, value in fixed.items()), *ranks]


def rank(attempt: Attempt, settings: KubernetesSettings) -> list[Manifest]:
    """The node's index, for mounts and logs; on several machines also the variables that torchrun and others expect."""
    index = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    ranks: list[Manifest] = [{"name": NODE, "valueFrom": index}]
    if attempt.nodes == 1:
        return ranks
    name = settings.owner.object_name(attempt.ref)
    master = f"{name}-0.{name}"
    fixed = {
        "MASTER_ADDR": master,
        "MASTER_PORT": str(MASTER_PORT),
        "NNODES": str(attempt.nodes),
        "WORLD_SIZE": str(attempt.nodes),
        "PET_NNODES": str(attempt.nodes),
        "PET_MASTER_ADDR": master,
        "PET_MASTER_PORT": str(MASTER_PORT),
    }
    ranks += [{"name": key, "value": value} for key, value in fixed.items()]
    return [*ranks, *({"name": key, "valueFrom": index} for key in ("NODE_RANK", "RANK", "PET_NODE_RANK"))]


def _files(attempt: Attempt) -> list[str]:
    """The runner's files; the command is also a file of its own, for images without a Python for the runner."""
    plain = attempt.submission.command and not attempt.submission.args and not attempt.submission.notebook
    return ["run.json", "command"] if plain else ["run.json"]


class Mounts:
    """Which parts of the platform's volume each container mounts. Paths on the volume come only from
    ``Directories``."""

    def __init__(self, attempt: Attempt, directories: Directories, runner: Path) -> None:
        def place(path: str, on_volume: Any, *, read_only: bool = False) -> Manifest:
            mount: Manifest = {"name": "platform", "mountPath": path}
            mount["subPath"] = str(PurePosixPath(on_volume).relative_to(directories.home))
            return mount | ({"readOnly": True} if read_only else {})

        own = directories
        run = own.sandbox(attempt.ref.job_id, attempt.ref.number)
        workspace = place("/workspace", own.workspace(attempt.ref.job_id))
        if attempt.nodes > 1:
            # One per machine: two that unpack into the same directory would collide.
            workspace = place("/workspace", own.workspace(attempt.ref.job_id))
            workspace["subPathExpr"] = workspace.pop("subPath") + f"/$({NODE})"
        shared = [
            place(RUNNER_DIRECTORY, runner, read_only=True),
            *(
                {"name": "run", "mountPath": f"{INSIDE}/{file}", "subPath": file, "readOnly": True}
                for file in _files(attempt)
            ),
            place(f"{INSIDE}/log", run / "log"),
            {"name": "home", "mountPath": HOME},
            workspace,
        ]
        self.preparing = list(shared)
        if attempt.snapshot is not None:
            archive = own.snapshot(attempt.snapshot)
            self.preparing.append(place(SNAPSHOT, archive, read_only=True))
        self.running = [
            *shared,
            place("/artifacts", own.artifacts(attempt.ref.job_id)),
            place("/datasets", own.datasets, read_only=True),
            place("/storage", own.storage(attempt.owner)),
            *(place(f"/teams/{slug(group)}", own.team(group)) for group in attempt.groups),
            *(
                place(f"/inputs/{name}", own.artifacts(job), read_only=True)
                for name, job in attempt.submission.inputs.items()
            ),
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
        ]

    def volumes(self, attempt: Attempt, settings: KubernetesSettings) -> list[Manifest]:
        items = [{"key": file, "path": file, "mode": 0o440} for file in _files(attempt)]
        return [
            {"name": "platform", "persistentVolumeClaim": {"claimName": settings.volume_claim}},
            {"name": "home", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{attempt.shm_mb}Mi"}},
            {"name": "run", "secret": {"secretName": settings.owner.object_name(attempt.ref), "items": items}},
        ]


def priority_class(priority: int, classes: dict[str, str]) -> str | None:
    """The class with the highest bound that the priority reaches; None below all of them."""
    reached = [int(bound) for bound in classes if int(bound) <= priority]
    return classes[str(max(reached))] if reached else None


def merged(spec: Manifest, options: Manifest) -> Manifest:
    """The operator's options applied to a specification: dictionaries are merged, lists concatenated, other values
    replaced."""
    result = dict(spec)
    for key, value in options.items():
        here = result.get(key)
        if isinstance(here, dict) and isinstance(value, dict):
            result[key] = merged(here, value)
        elif isinstance(here, list) and isinstance(value, list):
            result[key] = [*here, *value]
        else:
            result[key] = value
    return result
