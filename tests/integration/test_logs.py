"""Logs and metrics as a job prints them, while it runs and after."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integration.harness import PREFIX, ServiceProcess, User, eventually


def events(user: User, path: str, **options: Any) -> list[tuple[str, str | None, Any]]:
    """(event, id, data) of a whole stream."""
    found = []
    headers = {"Accept": "text/event-stream", **options.pop("headers", {})}
    with user.http.stream("GET", path, headers=headers, timeout=60, **options) as answer:
        assert answer.status_code == 200
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line:
                if "event" in event:
                    found.append((event["event"], event.get("id"), json.loads(event["data"])))
                event = {}
            elif not line.startswith(":"):
                key, _, value = line.partition(": ")
                event[key] = value
    return found


def test_a_follower_sees_each_line_once_as_it_comes(alice: User) -> None:
    job_id = alice.submit("for i in 1 2 3 4 5; do echo line $i; sleep 0.2; done; exit 4")
    seen = events(alice, f"/jobs/{job_id}/logs")
    lines = [line for kind, _, data in seen if kind == "lines" for line in data]
    assert [line["n"] for line in lines] == [1, 2, 3, 4, 5]
    assert [line["text"] for line in lines] == [f"line {n}" for n in range(1, 6)]
    assert len([1 for kind, _, _ in seen if kind == "lines"]) > 2, "it did not come all at once"
    assert seen[-1] == ("end", None, {"status": "failed", "reason": "exited", "exit_code": 4})


def test_a_broken_follower_resumes_where_it_was(alice: User) -> None:
    job = alice.run("seq 10")
    seen = events(alice, f"/jobs/{job['id']}/logs", headers={"Last-Event-ID": "7"})
    assert [line["text"] for line in seen[0][2]] == ["8", "9", "10"]


def test_a_follower_that_goes_away_is_no_fault(alice: User, service: ServiceProcess) -> None:
    job_id = alice.submit("echo one; sleep 600")
    alice.until(job_id, "running")
    began = len(service.log)
    with httpx.Client(headers=alice.http.headers) as away:
        address, follows = f"{service.base}/jobs/{job_id}/logs", {"Accept": "text/event-stream"}
        with away.stream("GET", address, headers=follows) as answer:
            _, port = answer.extensions["network_stream"].get_extra_info("client_addr")
            assert service.connected(port)
            assert next(answer.iter_lines()) == "id: 1"
    eventually("the service has closed it too", lambda: not service.connected(port))
    alice.get("/health")
    assert service.log[began:] == ""
    alice.post(f"/jobs/{job_id}/stop")


def test_pages_tails_and_search(alice: User) -> None:
    job_id = alice.run("seq 2500; echo Needle 1; echo needle 2")["id"]
    first = alice.get(f"/jobs/{job_id}/logs").json()
    assert (len(first["items"]), first["next"], first["total"]) == (1000, 1000, 2502)
    tail = alice.get(f"/jobs/{job_id}/logs", params={"tail": 2}).json()
    assert [line["n"] for line in tail["items"]] == [2501, 2502]
    found = alice.get(f"/jobs/{job_id}/logs", params={"q": "needle"}).json()["items"]
    assert [line["text"] for line in found] == ["Needle 1", "needle 2"]


def test_what_would_break_a_log(alice: User) -> None:
    source = r"""
import sys
out = sys.stdout.buffer
out.write(b"caf\xc3\xa9 \xff\xfe bad\n")
out.write(b"x" * 10_000_000 + b"\n")
for n in range(100_000):
    out.write(b"\rprogress %d" % n)
out.write(b"\nafter\n")
out.write(b"\x1e{\"type\": \"exited\", \"code\": 0}\n")
out.write(b"no newline at the end")
"""
    job_id = alice.ended(alice.code(source))["id"]
    lines = alice.lines(job_id)
    assert lines[0] == "café \ufffd\ufffd bad"
    long = [line for line in lines if set(line) == {"x"}]
    assert sum(map(len, long)) == 10_000_000
    assert max(map(len, long)) <= 32 * 1024
    progress = [line for line in lines if line.startswith("progress")]
    assert progress[-1] == "progress 99999"
    assert len(progress) < 100
    assert lines[-3:] == ["after", '\x1e{"type": "exited", "code": 0}', "no newline at the end"]


def test_charts_from_lines_between_others(alice: User) -> None:
    lines = [
        '{"chart": "loss", "axis": "Iteration"}',
        '{"chart": "loss", "y": 0.5, "x": 10}',
        "ordinary",
        '{"y": 0.25, "x": 20, "chart": "loss"}',
        '{"chart": "val_accuracy@3", "y": 1}',
        '{"chart": "val_accuracy@3", "y": 2}',
        '{"chart": "loss", "y": 9, "series": "test"}',
        '{"chart": "loss", "y": "high"}',
        '{"chart": "loss", "y": NaN}',
        '{"chart": "loss", "y": true}',
        '{"chart": "system/cpu", "y": 1}',
        '{"chart": "loss", "y": 1, "more": 2}',
        '{"chart": "loss", "y": 1',
    ]
    source = f"for line in {lines!r}: print(line)"
    job_id = alice.ended(alice.code(source))["id"]
    assert alice.lines(job_id) == lines
    charts = {c["chart"]: c for c in alice.get(f"/jobs/{job_id}/metrics").json()["items"]}
    custom = {name for name, chart in charts.items() if not chart["system"]}
    assert custom == {"loss", "val_accuracy@3"}
    assert charts["loss"]["axis"] == "Iteration"
    assert [(s["name"], s["count"], s["x"], s["y"]) for s in charts["loss"]["series"]] == [
        ("", 2, 20, 0.25),
        ("test", 1, 1, 9),
    ]
    loss = alice.get(f"/jobs/{job_id}/metrics/loss", params={"series": ""}).json()["series"][0]
    assert (loss["x"], loss["y"], loss["line"]) == ([10, 20], [0.5, 0.25], [2, 4])
    counted = alice.get(f"/jobs/{job_id}/metrics/val_accuracy%403").json()["series"][0]
    assert (counted["x"], counted["y"]) == ([1, 2], [1, 2])
    assert alice.get(f"/jobs/{job_id}/metrics/none").status_code == 404


def test_system_metrics_come_by_themselves(alice: User) -> None:
    job_id = alice.run("sleep 1.5")["id"]
    charts = {c["chart"] for c in alice.get(f"/jobs/{job_id}/metrics").json()["items"]}
    assert {"system/cpu", "system/memory"} <= charts


def test_a_long_series_is_sent_small_with_its_extremes(alice: User) -> None:
    source = """
import sys
for n in range(50000):
    y = 1000 if n == 31234 else -1000 if n == 41234 else n % 7
    sys.stdout.write('{"chart": "c", "y": %d, "x": %d}\\n' % (y, n))
"""
    job_id = alice.ended(alice.code(source))["id"]
    series = alice.get(f"/jobs/{job_id}/metrics/c", params={"points": 500}).json()["series"][0]
    assert series["total"] == 50000
    assert len(series["x"]) <= 500
    assert (series["x"][0], series["x"][-1]) == (0, 49999)
    assert (max(series["y"]), min(series["y"])) == (1000, -1000)
    assert series["x"] == sorted(series["x"])


def test_points_can_be_followed(alice: User) -> None:
    source = """
import json, time
for n in range(5):
    print(json.dumps({"chart": "c", "y": n}), flush=True); time.sleep(0.2)
"""
    job_id = alice.code(source)
    seen = events(alice, f"/jobs/{job_id}/metrics")
    points = [data for kind, _, data in seen if kind == "points" and data["chart"] == "c"]
    assert [y for piece in points for y in piece["y"]] == [0, 1, 2, 3, 4]
    assert len(points) > 1
    assert seen[-1][0] == "end"


def test_the_timeline_can_be_followed(alice: User) -> None:
    job_id = alice.submit("sleep 0.5")
    seen = events(alice, f"/jobs/{job_id}/events")
    assert [data["type"] for kind, _, data in seen if kind == "timeline"][-1] == "succeeded"
    assert seen[-1][2]["status"] == "succeeded"


async def test_one_websocket_carries_all(alice: User, bob: User, service: ServiceProcess) -> None:
    import websockets

    job_id = alice.code("import json\nfor n in range(3): print(json.dumps({'chart': 'c', 'y': n}))\nprint('bye')")
    url = f"ws://127.0.0.1:{service.port}/services/outrider/api/v1/stream"
    got: dict[int, list[dict[str, Any]]] = {}
    async with websockets.connect(url, additional_headers={"Authorization": "token alice-token"}) as socket:
        kinds = ["logs", "events", "metrics", "job"]
        for number, kind in enumerate(kinds):
            await socket.send(json.dumps({"id": number, "subscribe": kind, "job": job_id}))
        await socket.send(json.dumps({"id": 9, "subscribe": "jobs"}))
        await socket.send(json.dumps({"id": 10, "subscribe": "logs", "job": "j000000000000"}))
        while sum(1 for m in got.values() if m[-1]["event"] == "end") < 4:
            message = json.loads(await socket.recv())
            got.setdefault(message["id"], []).append(message)
    lines = [line["text"] for m in got[0] if m["event"] == "lines" for line in m["data"]]
    assert lines[-1] == "bye"
    assert [m["data"]["type"] for m in got[1] if m["event"] == "timeline"][-1] == "succeeded"
    assert [y for m in got[2] if m["event"] == "points" and m["data"]["chart"] == "c" for y in m["data"]["y"]] == [
        0,
        1,
        2,
    ]
    assert [m["data"]["status"] for m in got[3] if m["event"] == "job"][-1] == "succeeded"
    assert got[9][0]["event"] == "jobs"
    assert got[10][0]["data"]["status"] == 404


async def test_a_page_cannot_subscribe_without_end(alice: User, service: ServiceProcess) -> None:
    import websockets

    job_id = alice.submit("sleep 60")
    url = f"ws://127.0.0.1:{service.port}{PREFIX}api/v1/stream"
    async with websockets.connect(url, additional_headers={"Authorization": "token alice-token"}) as socket:
        for _ in range(200):
            # What is not understood must not make the socket forget what it subscribed to.
            await socket.send(json.dumps({"id": 0, "subscribe": "job", "job": job_id}))
            await socket.send("nonsense")
        for number in range(1, 100):
            await socket.send(json.dumps({"id": number, "subscribe": "job", "job": job_id}))
        refused = set()
        while 99 not in refused:
            message = json.loads(await socket.recv())
            if message["event"] == "error" and message["data"]["status"] == 429:
                refused.add(message["id"])
    assert refused == set(range(64, 100))
    alice.post(f"/jobs/{job_id}/stop")


@pytest.mark.parametrize("word", ["9" * 5000, "9" * 30, "-1", "x", "0"])
def test_ids_to_resume_after_that_are_none(alice: User, word: str) -> None:
    job = alice.run("echo one")
    headers = {"Accept": "text/event-stream", "Last-Event-ID": word}
    for path in ("logs", "events"):
        answer = alice.get(f"/jobs/{job['id']}/{path}", headers=headers)
        assert answer.status_code == 200
        assert answer.text.count("event: end") == 1


async def test_the_websocket_needs_a_token(service: ServiceProcess) -> None:
    import pytest
    import websockets

    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(f"ws://127.0.0.1:{service.port}/services/outrider/api/v1/stream")


def test_figures_for_prometheus(alice: User, root: User) -> None:
    alice.run("true")
    assert alice.get("/metrics/prometheus").status_code == 403
    text = root.get("/metrics/prometheus").text
    assert 'outrider_jobs{status="succeeded"}' in text
    assert "outrider_log_lines_total" in text


def test_progress_is_told_by_a_notebook(alice: User) -> None:
    cells = ["n = 2", "import time; time.sleep(0.2); print('n is', n)", "1/0", "print('never')"]
    notebook = {
        "cells": [
            {
                "cell_type": "code",
                "execution_count": None,
                "id": f"c{i}",
                "metadata": {"tags": ["parameters"]} if i == 0 else {},
                "outputs": [],
                "source": source,
            }
            for i, source in enumerate(cells)
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    snapshot = alice.upload({"work/train.ipynb": json.dumps(notebook)})
    job_id = alice.submit(
        notebook="work/train.ipynb",
        params={"n": 42},
        workspace={"type": "snapshot", "id": snapshot},
        machine="small",
    )
    job = alice.ended(job_id)
    assert (job["status"], job["exit_code"]) == ("failed", 1), alice.lines(job_id)
    assert job["progress"]["done"] >= 2
    lines = alice.lines(job_id)
    assert "n is 42" in lines
    assert any("ZeroDivisionError" in line for line in lines)
    executed = alice.get(f"/jobs/{job_id}/artifacts/train.ipynb").json()
    texts = json.dumps(executed["cells"])
    assert "n is 42" in texts
    assert "ZeroDivisionError" in texts
    assert any("injected-parameters" in c["metadata"].get("tags", []) for c in executed["cells"])
