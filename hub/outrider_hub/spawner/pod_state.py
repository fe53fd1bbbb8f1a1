"""What a notebook's pod is doing, as a message, and whether it can ever run. Pure; shares the rules of jobs' pods."""

from __future__ import annotations

from typing import Any

from outrider_service.contracts import pods


def told(pod: dict[str, Any]) -> str:
    """For the waiting page."""
    main = _state(pod)
    if "running" in main:
        return "Waiting for JupyterLab."
    return pods.waiting_for([pod]) or "Preparing the pod."


def is_unscheduled(pod: dict[str, Any]) -> bool:
    """Whether the pod waits for a machine."""
    return pods.unscheduled(pod)


def hopeless(pod: dict[str, Any], waited_s: float, patience_s: float) -> str | None:
    """A message with the reason once the pod can never start; None before."""
    since = {pod["metadata"]["uid"]: -waited_s}
    trouble = pods.cannot_start(pod, since, 0.0, patience_s)
    if trouble is not None:
        kind, message = trouble
        if kind == "image_pull_failed":
            return f"The image could not be pulled. Check its name and your access to it. ({message})"
        return f"The container could not be started: {message}"
    ended = _state(pod).get("terminated")
    if ended:
        said = str(ended.get("message") or "").strip() or f"exit code {ended.get('exitCode')}"
        if ended.get("reason") == "OOMKilled":
            said = "it needed more memory than the machine has"
        return f"The notebook server ended while it started: {said.removeprefix('[outrider] ')}"
    return None


def with_order(containers: list[dict[str, Any]], order: str) -> list[dict[str, Any]]:
    """The init containers, with the cloning one's order filled in. KubeSpawner expands braces, so those in the order
    are doubled."""
    variable = {"name": "OUTRIDER_CLONE", "value": order.replace("{", "{{").replace("}", "}}")}
    return [
        {**container, "env": [*container["env"], variable]} if container["name"] == pods.CLONE else container
        for container in containers
    ]


def clone_said(pod: dict[str, Any]) -> str | None:
    """The result of cloning the repository; None: nothing to report."""
    for status in (pod.get("status") or {}).get("initContainerStatuses") or []:
        if status["name"] == pods.CLONE:
            ended = (status.get("state") or {}).get("terminated") or {}
            return str(ended.get("message") or "").strip() or None
    return None


def _state(pod: dict[str, Any]) -> dict[str, Any]:
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status["name"] == "notebook":
            found: dict[str, Any] = status.get("state") or {}
            return found
    return {}
