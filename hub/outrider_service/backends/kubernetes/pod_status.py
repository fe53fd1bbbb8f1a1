"""From a Job and its pods to an observation. Pure; every reason that users see is determined here.

The details are in the pods' conditions and container states; the Job says only that something failed. So the pods
decide, and the Job only if no pod is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from ..base import Observation, Phase
from .names import INSTALL, MAIN, PREPARE, index_of

Object = dict[str, Any]

PULLING: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
NEVER_PULLED: Final = re.compile(
    r"not found|manifest unknown|unauthorized|denied|forbidden|invalid reference|couldn't parse image|no such host"
    r"|authorization failed|does not exist|no match for platform|InvalidImageName|ErrImageNeverPull",
    re.IGNORECASE,
)
PULL_PATIENCE_S: Final = 120.0
"""How long a registry may fail with errors that may be temporary."""
BROKEN: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
BROKEN_PATIENCE_S: Final = 10.0
DELETED: Final = "deleted"
"""Internal reason of a pod that somebody deleted, to tell it apart from what made the attempt end."""
DISRUPTIONS: Final = {
    "PreemptionByScheduler": "preempted",
    "EvictionByEvictionAPI": "preempted",
    "TerminationByKubelet": "preempted",
    "PreemptionByKueueController": "preempted",
    "DeletionByTaintManager": "node_lost",
    "DeletionByPodGC": "node_lost",
}
POD_REASONS: Final = {
    "Evicted": "preempted",
    "Preempting": "preempted",
    "NodeLost": "node_lost",
    "NodeShutdown": "node_lost",
    "Terminated": "node_lost",
    "Shutdown": "node_lost",
}


def observation(
    job: Object | None, pods: Iterable[Object], trouble_since: Mapping[str, float], now: float
) -> Observation:
    """The state of an attempt.

    ``pods`` may include deleted ones, as last seen. ``trouble_since``: since when each pod's containers have failed to
    start, by pod uid.
    """
    if job is None:
        return Observation(Phase.ABSENT)
    by_index = _newest(pods)
    nodes = int(job["spec"].get("completions") or 1)
    started = [started_at(pod) for pod in by_index.values()]
    times = [time for time in started if time is not None]
    started_at_ = max(times) if times else None
    first = by_index.get(0)
    node = (first or {}).get("spec", {}).get("nodeName") if first else None
    over = finished(job)
    if over is None:
        for pod in by_index.values():
            if (text := _out_of_reach(pod, now)) is not None:
                return Observation(Phase.LOST, None, "node_lost", text, started_at_, now, node)
            hopeless = cannot_start(pod, trouble_since, now)
            if hopeless is not None:
                return Observation(Phase.LOST, reason=hopeless[0], message=hopeless[1], node=node)
        running = len(times) == nodes
        phase = Phase.RUNNING if running else Phase.STARTING
        message = None if running else waiting_for(by_index.values())
        return Observation(phase, started_at=started_at_ if running else None, node=node, message=message)
    return _end(job, over, by_index, started_at_, node)


def waiting_for(pods: Iterable[Object]) -> str | None:
    """What a start waits for, as a message for users; None: nothing to report."""
    for pod in pods:
        scheduled = _condition(pod, "PodScheduled")
        if scheduled and scheduled.get("status") == "False":
            return "Waiting for a free machine."
        for status in _statuses(pod):
            waiting = (status.get("state") or {}).get("waiting") or {}
            if waiting.get("reason") in PULLING:
                return f"The image {status.get('image')} cannot be pulled yet. Retrying."
            if waiting.get("reason") in BROKEN:
                return str(waiting.get("message") or waiting["reason"])[:500]
        states = {status["name"]: status.get("state") or {} for status in _statuses(pod)}
        if "running" in states.get(PREPARE, {}):
            return "Preparing the workspace."
        if "waiting" in states.get(MAIN, {}) and _initialised(pod):
            return "Pulling the image."
        if scheduled:
            return "Starting on the machine."
    return None


def unscheduled(pod: Object) -> bool:
    """Whether a pod waits for a machine."""
    condition = _condition(pod, "PodScheduled")
    return pod.get("status", {}).get("phase") == "Pending" and not pod["spec"].get("nodeName") and condition is not None


def in_trouble(pod: Object) -> bool:
    """Whether a container fails to start, perhaps temporarily."""
    for status in _statuses(pod):
        reason = ((status.get("state") or {}).get("waiting") or {}).get("reason")
        if reason in PULLING or reason in BROKEN:
            return True
    return False


def started_at(pod: Object) -> float | None:
    """When the job's own container started."""
    state = _main_state(pod)
    begun = (state.get("running") or {}).get("startedAt") or (state.get("terminated") or {}).get("startedAt")
    return moment(begun)


def moment(text: str | None) -> float | None:
    return None if not text else datetime.fromisoformat(text).timestamp()


# -- ends -------------------------------------------------------------------------------------------------------------


def _end(
    job: Object, condition: Object, pods: dict[int, Object], started: float | None, node: str | None
) -> Observation:
    over = moment(condition.get("lastTransitionTime"))
    stopped = job["spec"].get("activeDeadlineSeconds") is not None
    ends = [(index, end) for index, pod in sorted(pods.items()) if (end := _pod_end(pod, stopped)) is not None]
    times = [end.finished_at for _, end in ends if end.finished_at is not None]
    well = all(end.exit_code == 0 and not end.reason for _, end in ends)
    if condition["type"] == "Complete" or (ends and well and len(ends) == len(pods)):
        begun = started or moment(job["status"].get("startTime"))
        return Observation(Phase.EXITED, 0, None, None, begun, max(times) if times else over, node)
    # The first pod that failed made the others end.
    bad = [(end.reason == DELETED, end.finished_at or 0.0, index, end) for index, end in ends if end.exit_code != 0]
    if bad:
        _, _, index, end = min(bad, key=lambda found: found[:3])
        reason, message = end.reason, end.message
        if reason == DELETED:
            reason, message = "platform_error", "its pod was deleted"
        if len(pods) > 1:
            message = f"node {index}: {message or f'exit code {end.exit_code}'}"
        phase = Phase.LOST if end.exit_code is None else Phase.EXITED
        return Observation(phase, end.exit_code, reason, message, started, end.finished_at or over, node)
    if stopped:
        return Observation(Phase.EXITED, 143, None, "stopped", started, over, node)
    text = "its pod was deleted"
    return Observation(Phase.LOST, None, "platform_error", text, started, over, node)


def _pod_end(pod: Object, stopped: bool) -> Observation | None:
    """How one pod ended, as last seen, or None if it has not. ``stopped``: a stop was requested."""
    status = pod.get("status") or {}
    terminated = _main_state(pod).get("terminated") or {}
    over = moment(terminated.get("finishedAt"))
    disruption = _condition(pod, "DisruptionTarget")
    reason = message = None
    if disruption and disruption.get("status") == "True":
        reason = DISRUPTIONS.get(disruption.get("reason") or "", "preempted")
        message = disruption.get("message")
    elif status.get("reason") in POD_REASONS:
        reason, message = POD_REASONS[status["reason"]], status.get("message")
    if reason is not None and not (terminated and terminated.get("exitCode") == 0):
        return Observation(Phase.LOST, None, reason, message, finished_at=over)
    if terminated:
        if not stopped and terminated.get("exitCode") and _deleted_before(pod, over):
            return Observation(Phase.LOST, None, DELETED, None, finished_at=over)
        return _container_end(terminated, over)
    for init in status.get("initContainerStatuses") or []:
        ended = (init.get("state") or {}).get("terminated") or {}
        if ended.get("exitCode"):
            over = moment(ended.get("finishedAt"))
            if init["name"] == INSTALL:
                text = f"the runner could not be installed: {ended.get('message') or ended.get('reason')}"
                return Observation(Phase.LOST, None, "platform_error", text, finished_at=over)
            return _container_end(ended, over)
    if status.get("phase") == "Failed":
        text = status.get("message") or status.get("reason") or "the machine refused the pod"
        return Observation(Phase.LOST, None, "platform_error", text)
    return None


def _deleted_before(pod: Object, end: float | None) -> bool:
    """Whether somebody deleted the pod before its command ended."""
    due = moment(pod["metadata"].get("deletionTimestamp"))
    if due is None or end is None:
        return False
    # The kubelet's last update sets the grace period to zero and the time to that of the removal.
    grace = pod["metadata"].get("deletionGracePeriodSeconds") or pod["spec"].get("terminationGracePeriodSeconds") or 0
    return due - float(grace) <= end


def _container_end(terminated: Object, over: float | None) -> Observation:
    code = int(terminated.get("exitCode") or 0)
    reason = terminated.get("reason")
    if reason == "OOMKilled" and code:
        return Observation(Phase.EXITED, code, "out_of_memory", None, finished_at=over)
    if reason in ("ContainerStatusUnknown",):
        return Observation(Phase.LOST, None, "node_lost", terminated.get("message"), finished_at=over)
    message = terminated.get("message") if reason in ("StartError", "ContainerCannotRun") else None
    return Observation(Phase.EXITED, code, None, message, finished_at=over)


def _out_of_reach(pod: Object, now: float) -> str | None:
    """A message about a pod whose node should have ended it and did not: its Job would wait forever."""
    disruption = _condition(pod, "DisruptionTarget")
    due = moment(pod["metadata"].get("deletionTimestamp"))
    if disruption is None or disruption.get("reason") != "DeletionByTaintManager" or due is None or due > now:
        return None
    return f"node {pod['spec'].get('nodeName')} is unreachable"


def cannot_start(
    pod: Object, trouble_since: Mapping[str, float], now: float, pull_patience_s: float = PULL_PATIENCE_S
) -> tuple[str, str] | None:
    """Why a pod will never start (reason and message), or None."""
    since = trouble_since.get(pod["metadata"]["uid"], now)
    for status in _statuses(pod):
        waiting = (status.get("state") or {}).get("waiting") or {}
        reason, message = waiting.get("reason"), str(waiting.get("message") or "")
        if reason in PULLING:
            if NEVER_PULLED.search(f"{reason} {message}") or now - since > pull_patience_s:
                # The name from the specification: the status may show a normalized one.
                return "image_pull_failed", _short(f"{_image(pod, status['name'])}: {message or reason}")
        elif reason in BROKEN and now - since > BROKEN_PATIENCE_S:
            return "platform_error", _short(message or str(reason))
    return None


# -- parts ------------------------------------------------------------------------------------------------------------


def _newest(pods: Iterable[Object]) -> dict[int, Object]:
    found: dict[int, Object] = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp"))):
        found[index_of(pod)] = pod
    return found


def suspended(job: Object) -> bool:
    """Whether the Job is suspended and not over."""
    return bool(job["spec"].get("suspend")) and finished(job) is None


def finished(job: Object) -> Object | None:
    """The condition that says how a Job ended; None: it has not ended."""
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            found: Object = condition
            return found
    return None


def _condition(pod: Object, kind: str) -> Object | None:
    for condition in (pod.get("status") or {}).get("conditions") or []:
        if condition["type"] == kind:
            found: Object = condition
            return found
    return None


def _statuses(pod: Object) -> list[Object]:
    status = pod.get("status") or {}
    return [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]


def _main_state(pod: Object) -> Object:
    for status in (pod.get("status") or {}).get("containerStatuses") or []:
        if status["name"] == MAIN:
            return status.get("state") or {}
    return {}


def _initialised(pod: Object) -> bool:
    condition = _condition(pod, "Initialized")
    return condition is not None and condition.get("status") == "True"


def _image(pod: Object, container: str) -> str:
    for found in [*(pod["spec"].get("initContainers") or []), *pod["spec"]["containers"]]:
        if found["name"] == container:
            return str(found["image"])
    return ""


def _short(text: str) -> str:
    return " ".join(text.split())[:500]
