"""GPUs as capacity: each job gets its own, a third waits for one, and their charts come by themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fake_nvml import build
from tests.integration.harness import CATALOG, ServiceProcess, User

GPU_CATALOG: dict[str, Any] = CATALOG | {
    "machines": [
        {"name": "gpu", "cpu": 0.1, "memory_mb": 256, "gpu": 1, "gpu_model": "h100"},
        {"name": "two", "cpu": 0.1, "memory_mb": 256, "gpu": 2},
        {"name": "a100", "cpu": 0.1, "memory_mb": 256, "gpu": 1, "gpu_model": "A100"},
    ],
    "limits": {"default": {}, "user:bob": {"max_gpus": 1}},
}


@pytest.fixture
def alice(make_service: Callable[..., ServiceProcess], tmp_path: Path) -> User:
    driver = build(tmp_path)
    service = make_service(catalog=GPU_CATALOG, LD_LIBRARY_PATH=str(driver)).start()
    user = service.user("alice")
    # The sandbox does not see the test's directory; the runner finds the library where the job's owner put it.
    user.put("/storage/nvml/libnvidia-ml.so.1", content=(driver / "libnvidia-ml.so.1").read_bytes())
    return user


def free(user: User) -> dict[str, tuple[int, int]]:
    return {m["name"]: (m["total"], m["free"]) for m in user.get("/machines").json()["items"]}


def test_gpus_are_leased_one_job_each(alice: User) -> None:
    assert free(alice) == {"gpu": (2, 2), "two": (1, 1), "a100": (0, 0)}
    env = {"LD_LIBRARY_PATH": "/storage/nvml"}
    command = "echo $CUDA_VISIBLE_DEVICES; while [ ! -e /storage/go ]; do sleep 0.1; done"
    first, second, third = (alice.submit(command, machine="gpu", env=env) for _ in range(3))
    for job_id in (first, second):
        alice.until(job_id, "running")
    assert alice.job(third)["queue_position"] == 1
    assert free(alice)["gpu"] == (2, 0)
    assert alice.get("/me").json()["usage"]["gpus"] == 2
    alice.put("/storage/go", content=b"")
    for job_id in (first, second, third):
        assert alice.ended(job_id)["status"] == "succeeded"
    seen = [alice.lines(job_id)[0] for job_id in (first, second, third)]
    assert set(seen[:2]) == {"GPU-fake-0", "GPU-fake-1"}
    assert seen[2] in seen[:2]
    charts = {c["chart"]: c for c in alice.get(f"/jobs/{first}/metrics").json()["items"]}
    assert {"system/gpu_utilisation", "system/gpu_memory", "system/gpu_temperature"} <= set(charts), json.dumps(charts)
    assert {s["name"] for s in charts["system/gpu_power"]["series"]} == {"gpu0"}, "one field failed, the others stay"


def test_a_model_that_is_not_there_is_never_scheduled(alice: User) -> None:
    job = alice.run("true", machine="a100")
    assert (job["status"], job["reason"]) == ("failed", "unschedulable")


def test_a_limit_of_gpus(alice: User) -> None:
    bob = alice.service.user("bob")
    answer = bob.post("/jobs", json={"command": "true", "machine": "two"})
    assert (answer.status_code, answer.json()["field"]) == (403, "machine")
