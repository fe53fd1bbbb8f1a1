"""The parts of a notebook server's pod, for the Hub's spawner. Pure."""

from __future__ import annotations

from pathlib import Path, PurePath, PurePosixPath
from typing import Any, Final

from ...catalog import MachineType
from ..base import NotebookPlace
from ..run_file import INSIDE
from .image_pull import login_for, pull_secret, reference
from .manifests import LOCKED, REQUESTS_OF_INIT, RUNNER_DIRECTORY
from .names import INSTALL
from .settings import KubernetesSettings

START: Final = f"{INSIDE}/start-notebook"
LAB: Final = f"{INSIDE}/lab"
HOME: Final = "/home/outrider"
CLONE: Final = "outrider-clone"


def clone_container(
    machine: MachineType, places: list[dict[str, Any]], runner: PurePath, settings: KubernetesSettings
) -> dict[str, Any]:
    """An init container that clones a repository into the home and never fails. The Hub's spawner names the repository
    in ``OUTRIDER_CLONE`` and reads the result from the termination message."""
    mount = {"name": "platform", "mountPath": RUNNER_DIRECTORY, "subPath": str(runner), "readOnly": True}
    code = f"import sys; sys.path.insert(0, {RUNNER_DIRECTORY!r}); from outrider_runner.clone import main; main()"
    return {
        "name": CLONE,
        "image": settings.runner_image,
        "command": ["python3", "-I", "-S", "-c", code],
        "env": [{"name": "HOME", "value": HOME}],
        "resources": {"requests": REQUESTS_OF_INIT, "limits": {"memory": f"{machine.memory_mb}Mi"}},
        "securityContext": LOCKED,
        "volumeMounts": [*(place for place in places if place["mountPath"] == HOME), mount],
    }


def notebook_pulling(place: NotebookPlace, settings: KubernetesSettings) -> dict[str, Any] | None:
    """The Secret with the login for the image's registry, if there is one."""
    login = login_for(reference(place.image, place.image_digest, settings), place.registry_logins)
    if login is None:
        return None
    return pull_secret(settings.owner.notebook_secret_name(place.lease), settings.owner.notebook_labels(), login)


def notebook_pod(
    place: NotebookPlace, home: Path, settings: KubernetesSettings, runner: Path | None = None
) -> dict[str, Any]:
    """``home``: the volume's root. ``runner``: its path on the volume, if a repository is cloned first."""
    machine = place.machine
    image = reference(place.image, place.image_digest, settings)
    own = login_for(image, place.registry_logins) is not None
    resources: dict[str, Any] = {machine.kubernetes.gpu_resource: str(machine.gpu)} if machine.gpu else {}
    places = [
        {
            "name": "platform",
            "mountPath": target,
            "subPath": str(PurePosixPath(source).relative_to(home)),
            **({"readOnly": True} if read_only else {}),
        }
        for source, target, read_only in place.mounts
    ]
    cloning = [] if runner is None else [clone_container(machine, places, runner.relative_to(home), settings)]
    return {
        "image": image,
        "pull_policy": "Always" if place.own_image else "IfNotPresent",
        "namespace": settings.namespace,
        "uid": settings.uid,
        "command": ["/bin/sh", START],
        "env": {
            "PYTHONPATH": LAB,
            "JUPYTER_PATH": f"{LAB}/share/jupyter",
            "JUPYTER_CONFIG_PATH": f"{LAB}/etc/jupyter",
            "SHELL": "/bin/bash",
            **({} if machine.gpu else {"NVIDIA_VISIBLE_DEVICES": "void"}),
        },
        "volumes": [
            {"name": "platform", "persistentVolumeClaim": {"claimName": settings.volume_claim}},
            {"name": "runner", "emptyDir": {}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{machine.memory_mb // 2}Mi"}},
        ],
        "volume_mounts": [
            {"name": "runner", "mountPath": INSIDE},
            {"name": "shm", "mountPath": "/dev/shm"},  # noqa: S108
            *places,
        ],
        "init_containers": [
            {
                "name": INSTALL,
                "image": settings.runner_image,
                "command": ["/usr/local/bin/outrider-runner-install", INSIDE, "wheels"],
                "resources": {"requests": REQUESTS_OF_INIT, "limits": {"memory": "256Mi"}},
                "securityContext": LOCKED,
                "volumeMounts": [{"name": "runner", "mountPath": INSIDE}],
            },
            *cloning,
        ],
        "resources": resources,
        "node_selector": dict(machine.kubernetes.node_selector),
        "tolerations": [dict(toleration) for toleration in machine.kubernetes.tolerations],
        "pull_secrets": [
            *([settings.owner.notebook_secret_name(place.lease)] if own else []),
            *settings.pull_secrets,
        ],
    }
