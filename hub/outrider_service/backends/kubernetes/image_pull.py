"""What a pod needs to pull its image: the exact reference, and the Secret with its owner's account at the registry.

Pure. A Secret belongs to one attempt or to one notebook server and goes with it, so that it is never older than what it
serves, and the service needs no right to read any.
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
"""What the kubelet looks Docker Hub's account up by."""


def reference(image: str, digest: str | None, settings: KubernetesSettings) -> str:
    """What the kubelet pulls: exactly what was pinned, unless the operator gave the name another meaning here."""
    if image in settings.images:
        return settings.images[image]
    if not digest:
        return image
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}@{digest}"


def login_for(pulled: str, logins: Iterable[RegistryLogin]) -> RegistryLogin | None:
    """The account for the registry of a reference; no other registry's is handed out with it."""
    try:
        registry = parse(pulled).registry
    except BadReference:
        return None
    return next((login for login in logins if login.registry == registry), None)


def pull_secret(name: str, labels: dict[str, str], login: RegistryLogin) -> dict[str, Any]:
    """The Secret as the kubelet reads it."""
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
