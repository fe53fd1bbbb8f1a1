"""What a pod needs to pull its image: the exact reference, and a Secret with its owner's registry credentials. Pure.

Each Secret belongs to one attempt or notebook server and is deleted with it. So its credentials are never outdated, and
the service needs no permission to read Secrets.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, Final

from ...registry.reference import DOCKER_HUB, BadReference, parse
from ...vault import RegistryLogin
from .settings import KubernetesSettings

DOCKER_HUB_KEY: Final = "https://index.docker.io/v1/"
"""The key under which the kubelet looks up Docker Hub's credentials."""


def reference(image: str, digest: str | None, settings: KubernetesSettings) -> str:
    """The reference that the kubelet pulls: the pinned digest, unless the operator mapped the name to something
    else."""
    if image in settings.images:
        return settings.images[image]
    if not digest:
        return image
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"


def login_for(pulled: str, logins: Iterable[RegistryLogin]) -> RegistryLogin | None:
    """The login for the reference's registry, if there is one."""
    try:
        registry = parse(pulled).registry
    except BadReference:
        return None
    return next((login for login in logins if login.registry == registry), None)


def pull_secret(name: str, labels: dict[str, str], login: RegistryLogin) -> dict[str, Any]:
    """The Secret in the form that the kubelet reads."""
    auth = base64.b64encode(f"{login.username}:{login.password}".encode()).decode()
    account = {"username": login.username, "password": login.password, "auth": auth}
    key = DOCKER_HUB_KEY if login.registry == DOCKER_HUB else login.registry
    content = json.dumps({"auths": {key: account}})
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "labels": labels},
        "type": "kubernetes.io/dockerconfigjson",
        "immutable": True,
        "data": {".dockerconfigjson": base64.b64encode(content.encode()).decode()},
    }
