"""The platform that the client's tests talk to. See ``conftest``."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

NOW = "2026-01-02T03:04:05.678Z"
API = "/services/outrider/api/v1"


class Platform:
    """``fail`` makes the next matching requests go wrong; everything that arrived is in ``requests``."""

    def __init__(self) -> None:
        self.token = "good-token"
        self.user = "ada"
        self.password = "secret"
        self.max_upload_mb = 512
        self.jobs: dict[str, dict[str, Any]] = {}
        self.keys: dict[str, str] = {}
        self.lines: list[str] = []
        self.timeline: list[str] = ["queued", "started", "ended"]
        self.points: list[dict[str, Any]] = []
        self.storage: dict[str, bytes] = {}
        self.artifacts: dict[str, bytes] = {}
        self.snapshots: dict[str, bytes] = {}
        self.minted: dict[str, str] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.outcome: dict[str, Any] = {"status": "succeeded", "reason": "exited", "exit_code": 0}
        self.ends_after_s = 0.0
        self.cut_stream_after: list[int] = []
        self.cut_file_after: list[int] = []
        self.etag = '"one"'
        self.servers: list[dict[str, Any]] = []
        self.started: list[dict[str, Any]] = []
        """What each server was started with."""
        self._failures: list[list[Any]] = []
        self._lock = threading.Lock()
        platform = self

        class Bound(Handler):
            server_platform = platform

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Bound)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Platform:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, pattern: str, how: int | str, times: int = 1) -> None:
        """``how``: a status, "drop" (no answer) or "lose" (done, but the answer is lost)."""
        self._failures.append([method, re.compile(pattern), how, times])

    def failure(self, method: str, path: str) -> int | str | None:
        with self._lock:
            for entry in self._failures:
                if entry[3] and entry[0] == method and entry[1].search(path):
                    entry[3] -= 1
                    return entry[2]  # type: ignore[no-any-return]
        return None

    def count(self, method: str, pattern: str) -> int:
        return sum(1 for m, path, _ in self.requests if m == method and re.search(pattern, path))

    def add_job(self, **fields: Any) -> str:
        job_id = f"j{len(self.jobs):012d}"
        self.jobs[job_id] = {
            "id": job_id,
            "name": f"job {len(self.jobs)}",
            "owner": self.user,
            "image": "python:3.11",
            "machine": "cpu",
            "status": "running",
            "ports": [],
            "created_at": NOW,
            "started_at": NOW,
            "cost": 0.0,
            "attempt": 1,
            **fields,
        }
        return job_id

    def end(self, job_id: str) -> None:
        self.jobs[job_id].update(self.outcome, finished_at=NOW)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_platform: Platform

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.serve("GET")

    def do_POST(self) -> None:
        self.serve("POST")

    def do_PUT(self) -> None:
        self.serve("PUT")

    def do_DELETE(self) -> None:
        self.serve("DELETE")

    def serve(self, method: str) -> None:
        p = self.server_platform
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.raw_path = parts.path
        p.requests.append((method, self.path, dict(self.headers)))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        how = p.failure(method, self.path)
        if how == "drop":
            return self.cut()
        if isinstance(how, int):
            return self.problem(how, f"made to fail with {how}")
        self.lost = how == "lose"
        if self.raw_path.startswith("/hub/api/users/") and self.raw_path.endswith("/tokens"):
            return self.mint()
        if self.headers.get("Authorization") != f"token {p.token}" and (
            self.headers.get("Authorization", "").removeprefix("token ") not in p.minted.values()
        ):
            return self.problem(401, "no")
        if self.raw_path.startswith("/hub/api/"):
            return self.hub(method)
        if not self.raw_path.startswith(API):
            return self.raw(404, b"<html>the Hub's own page</html>", "text/html")
        return self.route(method, self.raw_path[len(API) :])

    def cut(self) -> None:
        self.close_connection = True
        # A reset, as when a process is killed.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def raw(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        if self.lost:
            return self.cut()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)
        return None

    lost = False

    def answer(self, value: Any, status: int = 200) -> None:
        self.raw(status, json.dumps(value, ensure_ascii=False).encode(), "application/json")

    def problem(self, status: int, message: str, field: str | None = None) -> None:
        self.answer({"status": status, "message": message, "field": field}, status)

    def mint(self) -> None:
        p = self.server_platform
        auth = json.loads(self.body).get("auth") or {}
        if auth != {"username": p.user, "password": p.password}:
            return self.problem(403, "Forbidden")
        token_id = f"a{len(p.requests)}"
        p.minted[token_id] = f"minted-{token_id}"
        note = json.loads(self.body)["note"]
        return self.answer({"token": p.minted[token_id], "id": token_id, "note": note}, 201)

    def hub(self, method: str) -> None:
        p = self.server_platform
        if "/tokens/" in self.raw_path and method == "DELETE":
            p.minted.pop(self.raw_path.rsplit("/", 1)[1], None)
            return self.raw(204, b"", "text/plain")
        name = unquote(self.raw_path.partition("/servers/")[2].partition("/")[0])
        if self.raw_path.endswith("/progress"):
            body = 'data: {"progress": 50, "message": "starting"}\n\n'
            body += 'data: {"progress": 100, "message": "ready", "ready": true}\n\n'
            return self.raw(200, body.encode(), "text/event-stream")
        if method == "POST":
            options = json.loads(self.body or b"{}")
            p.started.append(options)
            p.servers.append(notebook(name, f"/user/{p.user}/{name}", **options))
            return self.answer(None, 202)
        if method == "DELETE":
            p.servers = [server for server in p.servers if server["server"] != name]
            return self.raw(204, b"", "text/plain")
        return self.problem(404, "?")

    def route(self, method: str, path: str) -> None:
        p = self.server_platform
        parts = [unquote(part) for part in path.strip("/").split("/")]
        head, rest = parts[0], parts[1:]
        if head == "me":
            return self.answer(
                {
                    "name": p.user,
                    "kind": "user",
                    "admin": False,
                    "groups": ["lab"],
                    "scopes": [],
                    "limits": {"max_running": 4, "max_upload_mb": p.max_upload_mb},
                    "usage": {"running": 1, "pending": 0, "gpus": 0, "price_per_hour": 0.5},
                    "storage": "/storage",
                    "of_a_newer_service": True,
                }
            )
        if head == "machines":
            return self.answer({"items": MACHINES})
        if head == "notebooks":
            if method == "POST":
                name = "" if rest[0] == "-" else rest[0]
                return self.answer(next(s for s in p.servers if s["server"] == name))
            return self.answer({"items": p.servers})
        if head == "snapshots":
            return self.snapshot(method, rest)
        if head == "storage":
            return self.tree(method, p.storage, rest)
        if head == "jobs":
            return self.many_jobs(method) if not rest else self.one_job(method, rest)
        return self.problem(404, "?")

    def snapshot(self, method: str, rest: list[str]) -> None:
        p = self.server_platform
        if method == "GET":
            if rest[0] not in p.snapshots:
                return self.problem(404, "no such snapshot")
            return self.answer({"id": rest[0], "size": 1, "files": 1, "created": False})
        name = "sha256:" + hashlib.sha256(self.body).hexdigest()
        p.snapshots[name] = self.body
        return self.answer({"id": name, "size": len(self.body), "files": 1, "created": True}, 201)

    def tree(self, method: str, files: dict[str, bytes], rest: list[str]) -> None:
        path = "/".join(rest)
        if method == "PUT":
            files[path] = self.body
            return self.raw(204, b"", "text/plain")
        if method == "DELETE":
            if self.query:
                return self.problem(422, "unknown field")
            below = [name for name in files if name == path or name.startswith(path + "/")]
            for name in below:
                del files[name]
            return self.raw(204, b"", "text/plain") if below else self.problem(404, "no such file")
        if path:
            return self.file(files.get(path))
        base = self.query.get("path", "")
        prefix = base + "/" if base else ""
        items: dict[str, dict[str, Any]] = {}
        for name, body in sorted(files.items()):
            if not name.startswith(prefix):
                continue
            first, slash, _ = name[len(prefix) :].partition("/")
            if slash and self.query.get("recursive") != "true":
                items[first] = {"path": prefix + first, "type": "directory", "size": 0, "modified": NOW}
            else:
                items[name] = {"path": name, "type": "file", "size": len(body), "modified": NOW}
        if base and not items:
            return self.problem(404, f"no {base}")
        start = int(self.query.get("cursor", 0))
        page = list(items.values())[start : start + 2]
        more = str(start + 2) if start + 2 < len(items) else None
        return self.answer({"items": page, "next": more})

    def file(self, body: bytes | None) -> None:
        p = self.server_platform
        if body is None:
            return self.problem(404, "no such file")
        start = 0
        found = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if found and self.headers.get("If-Range") == p.etag:
            start = int(found[1])
        self.send_response(206 if start else 200)
        self.send_header("ETag", p.etag)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        rest = body[start:]
        if p.cut_file_after:
            self.wfile.write(rest[: p.cut_file_after.pop(0)])
            self.wfile.flush()
            return self.cut_gently()
        self.wfile.write(rest)
        return None

    def cut_gently(self) -> None:
        """What was written arrives; then nothing."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def many_jobs(self, method: str) -> None:
        p = self.server_platform
        if method == "GET":
            found = [
                job
                for job in reversed(p.jobs.values())
                if all(
                    job.get(key) in wanted
                    for key, wanted in parse_qs(urlsplit(self.path).query).items()
                    if key not in ("limit", "cursor")
                )
            ]
            start, limit = int(self.query.get("cursor", 0)), int(self.query.get("limit", 100))
            more = str(start + limit) if start + limit < len(found) else None
            return self.answer({"items": found[start : start + limit], "next": more})
        body = json.loads(self.body)
        key = self.headers.get("Idempotency-Key")
        if key in p.keys:
            return self.answer(p.jobs[p.keys[key]], 200)
        if body.get("machine") == "unknown":
            return self.problem(422, "there is no such machine type", "machine")
        job_id = p.add_job(**body)
        p.jobs[job_id]["name"] = body.get("name", "train")
        if key:
            p.keys[key] = job_id
        return self.answer(p.jobs[job_id], 201)

    def one_job(self, method: str, rest: list[str]) -> None:
        p = self.server_platform
        job = p.jobs.get(rest[0])
        if job is None:
            return self.problem(404, "There is no such job.")
        what = rest[1] if len(rest) > 1 else ""
        stream = self.headers.get("Accept") == "text/event-stream"
        if method == "DELETE":
            del p.jobs[rest[0]]
            return self.raw(202, b"", "text/plain")
        if what == "stop":
            job.update(status="stopping")
            return self.answer(job, 202)
        if what == "clone":
            clone = p.add_job(**{**job, "id": f"j{len(p.jobs):012d}", "parent_id": job["id"]})
            return self.answer(p.jobs[clone], 201)
        if what == "logs":
            return self.log_events(job) if stream else self.log_page()
        if what == "events":
            return self.timeline_events(job) if stream else self.timeline_page()
        if what == "metrics":
            return self.metrics(job, rest[2:], stream)
        if what == "artifacts":
            return self.tree(method, p.artifacts, rest[2:])
        return self.answer(job)

    def log_page(self) -> None:
        p = self.server_platform
        found = [line(n, text) for n, text in enumerate(p.lines, 1)]
        after = int(self.query.get("after", 0))
        found = [item for item in found if item["n"] > after and self.query.get("q", "") in item["text"]]
        page = found[:3]  # small pages, so that every reader has to turn them
        more = page[-1]["n"] if len(found) > 3 else None
        self.answer({"items": page, "next": more, "total": len(p.lines)})

    def events(self, job: dict[str, Any], chunks: list[bytes]) -> None:
        p = self.server_platform
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        time.sleep(p.ends_after_s)
        p.end(job["id"])
        end = {key: job.get(key) for key in ("status", "reason", "exit_code")}
        body = b": keep-alive\n\n" + b"".join(chunks) + sse("end", None, end)
        if p.cut_stream_after:
            body = body[: p.cut_stream_after.pop(0)]
        self.wfile.write(body)

    def resume(self) -> int:
        return int(self.headers.get("Last-Event-ID") or self.query.get("after", 0))  # type: ignore[arg-type]

    def log_events(self, job: dict[str, Any]) -> None:
        start = self.resume()
        found = [line(n, text) for n, text in enumerate(self.server_platform.lines, 1) if n > start]
        pages = [found[i : i + 3] for i in range(0, len(found), 3)]
        self.events(job, [sse("lines", page[-1]["n"], page) for page in pages])

    def timeline_events(self, job: dict[str, Any]) -> None:
        start = self.resume()
        found = enumerate(self.server_platform.timeline, 1)
        self.events(job, [sse("timeline", n, event(n, text)) for n, text in found if n > start])

    def timeline_page(self) -> None:
        texts, after = self.server_platform.timeline, int(self.query.get("after", 0))
        page = [event(n, text) for n, text in enumerate(texts, 1) if n > after][:2]
        more = str(page[-1]["id"]) if page and page[-1]["id"] < len(texts) else None
        self.answer({"items": page, "next": more})

    def metrics(self, job: dict[str, Any], rest: list[str], stream: bool) -> None:
        p = self.server_platform
        if stream:
            # No ids: after a broken connection everything comes again.
            return self.events(job, [sse("points", None, batch) for batch in p.points])
        if rest:
            found = [batch for batch in p.points if batch["chart"] == rest[0]]
            if not found:
                return self.problem(404, "There is no such chart.")
            series = [
                {
                    "name": batch["series"],
                    "attempt": 1,
                    "node": 0,
                    "total": len(batch["x"]),
                    **{key: batch[key] for key in ("x", "y", "time", "line")},
                }
                for batch in found
            ]
            return self.answer({"chart": rest[0], "axis": "step", "system": False, "series": series})
        items = [
            {
                "chart": batch["chart"],
                "axis": None,
                "system": False,
                "series": [
                    {
                        "name": batch["series"],
                        "attempt": 1,
                        "node": 0,
                        "count": len(batch["x"]),
                        "x": batch["x"][-1],
                        "y": batch["y"][-1],
                        "time": NOW,
                    }
                ],
            }
            for batch in p.points
        ]
        return self.answer({"items": items})


def sse(name: str, number: int | None, data: Any) -> bytes:
    head = f"event: {name}\n" + (f"id: {number}\n" if number is not None else "")
    return f"{head}data: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def line(n: int, text: str) -> dict[str, Any]:
    return {"n": n, "time": NOW, "attempt": 1, "node": 0, "text": text}


def event(n: int, text: str) -> dict[str, Any]:
    return {"id": n, "time": NOW, "attempt": 1, "type": text, "message": text}


def points(chart: str, *pairs: tuple[float, float], series: str = "") -> dict[str, Any]:
    return {
        "chart": chart,
        "axis": None,
        "system": False,
        "series": series,
        "attempt": 1,
        "node": 0,
        "x": [x for x, _ in pairs],
        "y": [y for _, y in pairs],
        "time": [1.0 + i for i in range(len(pairs))],
        "line": [1 + i for i in range(len(pairs))],
    }


def notebook(name: str, url: str, **options: Any) -> dict[str, Any]:
    return {
        "server": name,
        "ready": True,
        "pending": None,
        "url": url,
        "image": options.get("image"),
        "machine": options.get("machine"),
        "price_per_hour": 0.5,
        "cost": 0.1,
        "started_at": NOW,
        "last_activity": NOW,
        "stops_at": "2099-01-01T00:00:00Z",
        "stop_reason": "idle",
    }


def machine(name: str, price: float, preemptible: bool, gpu: int = 0, cpu: float = 2) -> dict[str, Any]:
    return {
        "name": name,
        "title": name.title(),
        "description": "",
        "cluster": "default",
        "cpu": cpu,
        "memory_mb": 4096,
        "gpu": gpu,
        "gpu_model": "H200" if gpu else None,
        "price_per_hour": price,
        "preemptible": preemptible,
        "total": 4,
        "free": 3,
        "waiting": 0,
    }


MACHINES = [
    machine("cpu", 0.1, False),
    machine("cpu-spot", 0.04, True),
    machine("gpu", 3.0, False, gpu=1),
    machine("gpu-spot", 1.0, True, gpu=1),
]
