"""A job's life, seen through the API by its owner."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from tests.integration.harness import User, eventually


def kinds(user: User, job_id: str) -> list[str]:
    return [event["type"] for event in user.get(f"/jobs/{job_id}/events").json()["items"]]


def test_a_job_runs_and_tells_how_it_went(alice: User) -> None:
    job = alice.run("echo hello; echo to stderr >&2; echo bye", name="Grüße an alle", tags=["b", "a"])
    assert (job["status"], job["reason"], job["exit_code"]) == ("succeeded", "exited", 0)
    assert job["name"] == "Grüße an alle"
    assert job["tags"] == ["a", "b"]
    assert alice.lines(job["id"]) == ["hello", "to stderr", "bye"]
    assert kinds(alice, job["id"]) == [
        "queued",
        "machine_found",
        "machine_ready",
        "started",
        "succeeded",
    ]
    assert job["started_at"] < job["finished_at"]
    assert job["attempts"][0]["exit_code"] == 0


def test_a_failing_command_says_what_its_code_means(alice: User) -> None:
    job = alice.run("exit 3")
    assert (job["status"], job["reason"], job["exit_code"]) == ("failed", "exited", 3)
    assert "last log lines" in job["message"]
    assert alice.run(args=["no-such-program"])["exit_code"] == 127


def test_the_contract_of_a_jobs_surroundings(alice: User) -> None:
    job = alice.run(
        "python3 - <<'E'\nimport os, json\n"
        "print(json.dumps({k: v for k, v in os.environ.items()}))\n"
        "print(os.getcwd(), os.access('/storage', os.W_OK), os.access('/artifacts', os.W_OK), "
        "os.access('/datasets', os.W_OK))\n"
        "open('/artifacts/a', 'w').close()\nE",
        env={"COLOUR": "green"},
        params={"lr": 0.1, "name": "x", "layers": [1, 2]},
        project="p",
        experiment="e",
        ports=[8080, 9090],
    )
    first, second = alice.lines(job["id"])
    seen = json.loads(first)
    assert seen["COLOUR"] == "green"
    assert seen["OUTRIDER_JOB_ID"] == seen["PS_JOB_ID"] == job["id"]
    assert seen["OUTRIDER_JOB_NAME"] == job["name"]
    assert json.loads(seen["OUTRIDER_PARAMS"]) == {"lr": 0.1, "name": "x", "layers": [1, 2]}
    assert (seen["PARAM_LR"], seen["PARAM_NAME"], seen["PARAM_LAYERS"]) == ("0.1", "x", "[1, 2]")
    assert (seen["OUTRIDER_PROJECT"], seen["OUTRIDER_EXPERIMENT"]) == ("p", "e")
    assert (seen["PS_JOBSPACE"], seen["PS_ARTIFACTS"], seen["PS_DATASETS"]) == ("/storage", "/artifacts", "/datasets")
    assert seen["PORTS"] == "8080,9090"
    assert not any("TOKEN" in name for name in seen)
    assert second == "/workspace True True False"


def test_stop_ends_a_job_that_ignores_sigterm(alice: User) -> None:
    job_id = alice.submit("trap '' TERM; echo up; while true; do sleep 1; done")
    alice.until(job_id, "running")
    answer = alice.post(f"/jobs/{job_id}/stop")
    assert answer.status_code == 202
    job = alice.ended(job_id)
    assert (job["status"], job["reason"]) == ("cancelled", "cancelled_by_user")
    assert alice.post(f"/jobs/{job_id}/stop").json()["status"] == "cancelled"


def test_a_stopped_job_can_save_its_work(alice: User) -> None:
    job_id = alice.submit("trap 'echo saved > /artifacts/last; exit 0' TERM; echo up; while true; do sleep 0.1; done")
    eventually("it is up", lambda: "up" in alice.lines(job_id))
    alice.post(f"/jobs/{job_id}/stop")
    job = alice.ended(job_id)
    assert (job["status"], job["reason"], job["exit_code"]) == ("cancelled", "cancelled_by_user", 0)
    assert alice.get(f"/jobs/{job_id}/artifacts/last").text == "saved\n"


def test_a_job_stopped_in_the_queue_never_starts(alice: User) -> None:
    blocker = alice.submit("sleep 60", machine="whole")
    alice.until(blocker, "running")
    waiting = alice.submit("echo never", machine="whole")
    job = alice.job(waiting)
    assert (job["status"], job["queue_position"]) == ("pending", 1)
    alice.post(f"/jobs/{waiting}/stop")
    assert alice.ended(waiting)["status"] == "cancelled"
    alice.post(f"/jobs/{blocker}/stop")
    alice.ended(blocker)
    assert alice.job(waiting)["attempt"] == 0


def test_retries_keep_the_artifacts_and_separate_the_attempts(alice: User) -> None:
    job = alice.run(
        "if [ -e /artifacts/ckpt ]; then echo resumed; else echo first; touch /artifacts/ckpt; exit 1; fi", retries=2
    )
    assert (job["status"], job["attempt"]) == ("succeeded", 2)
    assert [a["exit_code"] for a in job["attempts"]] == [1, 0]
    lines = alice.get(f"/jobs/{job['id']}/logs").json()["items"]
    assert [(line["n"], line["attempt"], line["text"]) for line in lines] == [(1, 1, "first"), (2, 2, "resumed")]


def test_a_timeout_is_told_apart_from_a_stop(alice: User) -> None:
    job = alice.run("sleep 60", timeout_s=1)
    assert (job["status"], job["reason"]) == ("failed", "timed_out")
    assert "longer timeout" in job["message"]


def test_out_of_memory_is_recognised(alice: User) -> None:
    job_id = alice.code("x = []\nwhile True: x.append(bytearray(10**7))", machine="tiny")
    job = alice.ended(job_id)
    assert (job["status"], job["reason"]) == ("failed", "out_of_memory"), alice.lines(job_id)
    assert "larger machine" in job["message"]


def test_children_left_behind_die_with_the_job(alice: User) -> None:
    job_id = alice.submit("(sleep 1000 & sleep 1000 & setsid sleep 1000 &) ; echo left")
    assert alice.ended(job_id)["status"] == "succeeded"
    from tests.integration.harness import sandbox_processes

    eventually("nothing is left", lambda: not [p for p in sandbox_processes(alice.service.home) if job_id in p])


def test_priority_then_age_and_no_overtaking(alice: User) -> None:
    blocker = alice.submit("sleep 3", machine="half")
    alice.until(blocker, "running")
    large = alice.submit("true", machine="whole")
    small = alice.submit("true", machine="half", name="small one")
    urgent = alice.submit("true", machine="half", priority=5)
    jobs = {name: alice.ended(job) for name, job in (("large", large), ("small", small), ("urgent", urgent))}
    order = sorted(jobs, key=lambda name: jobs[name]["started_at"])
    assert order == ["urgent", "large", "small"]
    alice.ended(blocker)


def test_what_could_never_run_fails_with_the_reason(alice: User) -> None:
    job = alice.run("true", machine="giant")
    assert (job["status"], job["reason"]) == ("failed", "unschedulable")
    machines = {m["name"]: m for m in alice.get("/machines").json()["items"]}
    assert machines["giant"]["total"] == 0
    assert machines["whole"]["total"] == 1


def test_the_same_key_submits_once(alice: User) -> None:
    headers = {"Idempotency-Key": f"a key {uuid4()}"}
    body: dict[str, Any] = {"command": "true", "machine": "tiny"}
    first = alice.post("/jobs", json=body, headers=headers)
    again = alice.post("/jobs", json=body, headers=headers)
    other = alice.post("/jobs", json={**body, "command": "false"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
    assert first.json()["id"] == again.json()["id"]
    alice.ended(first.json()["id"])


def test_clone_runs_the_pinned_things_again(alice: User) -> None:
    first = alice.ended(alice.code("print(open('main.py').read().count('print'))", tags=["t"], params={"a": 1}))
    clone = alice.post(f"/jobs/{first['id']}/clone", json={}).json()
    assert clone["parent_id"] == first["id"]
    assert (clone["workspace"], clone["tags"], clone["params"]) == (first["workspace"], ["t"], {"a": 1})
    assert alice.ended(clone["id"])["status"] == "succeeded"
    assert alice.lines(clone["id"]) == alice.lines(first["id"])


def test_delete_removes_everything_but_storage(alice: User) -> None:
    job = alice.run("echo keep > /storage/kept; echo gone > /artifacts/gone")
    home = alice.service.home / "jobs" / job["id"]
    assert home.exists()
    assert alice.delete(f"/jobs/{job['id']}").status_code == 204
    assert alice.get(f"/jobs/{job['id']}").status_code == 404
    assert job["id"] not in [item["id"] for item in alice.get("/jobs").json()["items"]]
    eventually("its files are gone", lambda: not home.exists())
    assert alice.get("/storage/kept").text == "keep\n"


def test_deleting_a_running_job_ends_it(alice: User) -> None:
    job_id = alice.submit("sleep 100")
    alice.until(job_id, "running")
    alice.delete(f"/jobs/{job_id}")
    from tests.integration.harness import sandbox_processes

    eventually("it is gone", lambda: not [p for p in sandbox_processes(alice.service.home) if job_id in p])
    eventually("so are its files", lambda: not (alice.service.home / "jobs" / job_id).exists())


def test_inputs_are_another_jobs_artifacts(alice: User) -> None:
    first = alice.run("echo data > /artifacts/set.csv")
    second = alice.run(
        "cat /inputs/train/set.csv; touch /inputs/train/x 2>&1 | grep -c Read-only", inputs={"train": first["id"]}
    )
    assert alice.lines(second["id"]) == ["data", "1"]


def test_lists_page_and_filter(alice: User) -> None:
    project = f"paging-{uuid4()}"
    made = [alice.submit("true", project=project, tags=[f"n{n}"]) for n in range(5)]
    for job_id in made:
        alice.ended(job_id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, Any] = {"project": project, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = alice.get("/jobs", params=params).json()
        seen += [job["id"] for job in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == made[::-1]
    assert [j["id"] for j in alice.get("/jobs", params={"tag": "n3", "project": project}).json()["items"]] == [made[3]]
    assert alice.get("/jobs", params={"project": project, "status": "failed"}).json()["items"] == []
    assert len(alice.get("/jobs", params={"q": made[2]}).json()["items"]) == 1
    both = alice.get("/jobs", params={"project": project, "status": ["failed", "succeeded"]}).json()["items"]
    assert len(both) == 5


def test_a_running_machine_costs_money(alice: User) -> None:
    job = alice.run("sleep 1", machine="small")
    assert job["price_per_hour"] == 0.36
    assert 0.0001 <= job["cost"] < 0.01
