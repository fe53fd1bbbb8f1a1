"""The Jupyter Server extension against a real server and the real service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.fake_nvml import build
from tests.integration.harness import ServiceProcess, User, eventually, free_block

EXTENSION = Path(__file__).parents[2] / "extensions" / "jupyterlab"


class Server:
    """A Jupyter server with the extension, in a directory of its own."""

    def __init__(self, folder: Path, url: str, token: str, **extra: str) -> None:
        self.folder = folder
        self.port = free_block(1)
        self.base = f"http://127.0.0.1:{self.port}"
        folder.mkdir()
        (folder / "work").mkdir()
        environment = os.environ | {
            "JUPYTER_CONFIG_PATH": str(EXTENSION / "etc" / "jupyter"),
            "JUPYTER_CONFIG_DIR": str(folder / "config"),
            "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
            "PYTHONPATH": str(EXTENSION),
            "OUTRIDER_URL": url,
            "JUPYTERHUB_API_TOKEN": token,
            "OUTRIDER_IMAGE": "python",
            **extra,
        }
        command = [sys.executable, "-m", "jupyter_server", "--no-browser", f"--port={self.port}", "--allow-root"]
        command += [f"--ServerApp.root_dir={folder / 'work'}", "--IdentityProvider.token=page"]
        with (folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.http = httpx.Client(base_url=self.base, headers={"Authorization": "token page"}, timeout=30)
        eventually("the server answers", self._answers)

    def _answers(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            return self.http.get("/api/status").status_code == 200
        except httpx.HTTPError:
            return False

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()


@pytest.fixture(scope="module")
def server(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lab")
    driver = {"LD_LIBRARY_PATH": str(build(folder))}
    made = Server(folder / "s", f"http://127.0.0.1:{service.port}", "alice-token", **driver)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("lonely") / "s", "", "")
    yield made
    made.stop()


def routes() -> list[str]:
    sys.path.insert(0, str(EXTENSION))
    from jupyterlab_outrider.handlers import ROUTES

    return [path.replace("(.+)", "me") for path, _ in ROUTES]


@pytest.mark.parametrize("path", routes())
def test_every_endpoint_refuses_strangers(server: Server, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        answer = httpx.request(method, f"{server.base}/outrider/{path}", json={} if method != "GET" else None)
        assert answer.status_code in (302, 401, 403, 405), (method, answer.status_code)
        assert "alice" not in answer.text


def test_the_services_api_with_the_servers_token(server: Server, alice: User) -> None:
    assert server.http.get("/outrider/api/me").json()["name"] == "alice"
    refused = server.http.post("/outrider/api/jobs", json={"command": ""})
    assert (refused.status_code, refused.json()["field"]) == (422, "command")
    job_id = alice.run("head -c 3000000 /dev/zero > /artifacts/zeros; echo '<b>' > '/artifacts/ä b.html'")["id"]
    url = f"/outrider/api/jobs/{job_id}/artifacts"
    assert len(server.http.get(f"{url}/zeros").content) == 3000000
    part = server.http.get(f"{url}/zeros", headers={"Range": "bytes=5-9"})
    assert (part.status_code, len(part.content)) == (206, 5)
    page = server.http.get(f"{url}/%C3%A4%20b.html")
    assert page.text == "<b>\n"
    assert "sandbox" in page.headers["Content-Security-Policy"]
    assert server.http.get("/outrider/api/jobs/j000000000000").status_code == 404


def test_a_file_is_sent_with_its_folder(server: Server, alice: User) -> None:
    folder = server.folder / "work" / "project"
    folder.mkdir(exist_ok=True)
    (folder / "train.py").write_text("import helper; print('trained', helper.x)")
    (folder / "helper.py").write_text("x = 5")
    (folder / ".outriderignore").write_text("big*\n")
    (folder / "big.bin").write_bytes(b"0" * 100_000)
    shown = server.http.get("/outrider/workspace", params={"path": "project/train.py"}).json()
    assert shown["files"] == 3
    assert shown["left_out"] == ["big.bin"]
    assert shown["size"] < 1000
    body = {"path": "project/train.py", "submission": {"command": "python train.py", "machine": "tiny"}}
    answer = server.http.post("/outrider/submit", json=body)
    assert answer.status_code == 201, answer.text
    assert alice.ended(answer.json()["id"])["status"] == "succeeded"
    assert alice.lines(answer.json()["id"]) == ["trained 5"]
    outside = server.http.post("/outrider/submit", json={"path": "../../x", "submission": {"command": "true"}})
    assert outside.status_code == 404


def test_preflight_says_what_to_change(server: Server) -> None:
    def checks(machine: str, image: str | None = None, **known: Any) -> dict[str, dict[str, str]]:
        submission = {"command": "true", "machine": machine, **({"image": image} if image else {})}
        answer = server.http.post("/outrider/preflight", json={"submission": submission, **known})
        return {item["check"]: item for item in answer.json()["items"]}

    good = checks("small", "python", imports=["json", "numpy"], kernel="python3")
    assert {name: item["answer"] for name, item in good.items()} == {
        "room": "yes",
        "limits": "yes",
        "packages": "yes",
        "kernel": "yes",
    }
    bad = checks("giant", imports=["no_such_package"], kernel="ir")
    assert bad["room"]["answer"] == "no"
    assert "smaller" in bad["room"]["message"]
    assert "no_such_package" in bad["packages"]["message"]
    assert bad["kernel"]["answer"] == "no"
    # What lies in the folder goes along with the job.
    (server.folder / "work" / "mine.py").write_text("x = 1")
    assert checks("small", imports=["mine"], path="mine.py").get("packages") is None
    assert checks("small", "other", imports=["numpy"])["packages"]["answer"] == "unknown"


def test_preflight_takes_the_folder_for_the_workspace_of_a_notebook(server: Server) -> None:
    (server.folder / "work" / "train.ipynb").write_text("{}")
    wanted = {"submission": {"notebook": "train.ipynb", "machine": "small"}, "path": "train.ipynb"}
    found = {item["check"]: item for item in server.http.post("/outrider/preflight", json=wanted).json()["items"]}
    assert found["room"]["answer"] == "yes", found


def test_preflight_counts_the_money_of_the_group_that_pays(server: Server, root: User, alice: User) -> None:
    """What costs nothing is never refused for money; what the group pays goes by the group's budget."""
    group = alice.get("/me").json()["groups"][0]

    def answers(**fields: Any) -> dict[str, str]:
        wanted = {"submission": {"command": "true", **fields}}
        items = server.http.post("/outrider/preflight", json=wanted).json()["items"]
        return {item["check"]: item["answer"] for item in items}

    priced = {"name": "priced", "cpu": 1, "memory_mb": 64, "price_per_hour": 2.0}
    assert root.post("/machines", json=priced).status_code == 201
    root.put(f"/limits/group:{group}", json={"budget_per_month": 0})
    try:
        assert answers(machine="priced")["room"] == "yes"
        assert answers(machine="priced", group=group)["submission"] == "no"
        assert answers(machine="tiny", group=group)["room"] == "yes"
    finally:
        root.delete(f"/limits/group:{group}")
        root.delete("/machines/priced")


def test_preflight_knows_another_environment(server: Server, root: User, tmp_path: Path) -> None:
    """A bare one: it has the standard library, what lies in it, and no kernel."""
    venv.create(tmp_path / "bare", symlinks=True)
    (package,) = (tmp_path / "bare" / "lib").glob("python3*/site-packages")
    (package / "mine_alone.py").write_text("")
    root.post("/images", json={"name": "bare", "environment": str(tmp_path / "bare")})
    try:
        submission = {"command": "true", "machine": "small", "image": "bare"}
        wanted = {"submission": submission, "imports": ["json", "mine_alone", "numpy"], "kernel": "python3"}
        items = server.http.post("/outrider/preflight", json=wanted).json()["items"]
        found = {item["check"]: item for item in items}
        assert found["packages"]["message"].startswith("Missing in this image: numpy.")
        assert found["kernel"]["answer"] == "no"
    finally:
        root.delete("/images/bare")


def test_status_tells_of_this_server(server: Server) -> None:
    status = server.http.get("/outrider/status").json()
    assert status["me"]["name"] == "alice"
    assert status["usage"]["memory"] > 10_000_000
    gpus = status["usage"]["gpus"]
    assert [gpu["utilisation"] is not None and 0 < gpu["memory_used"] <= gpu["memory_total"] for gpu in gpus] == [
        True,
        True,
    ]


def test_a_page_that_only_looks_is_no_use_of_the_server(server: Server) -> None:
    def last() -> str:
        return str(server.http.get("/api/status").json()["last_activity"])

    server.http.get("/api/contents")
    before = last()
    for path in ("status", "api/jobs", "api/me"):
        assert server.http.get(f"/outrider/{path}").status_code == 200
    assert last() == before


def test_a_wish_that_is_sent_twice_is_one_job(server: Server) -> None:
    body = {"path": "", "submission": {"command": "true", "machine": "tiny", "workspace": {"type": "none"}}}
    made = [
        server.http.post("/outrider/submit", json=body, headers={"Idempotency-Key": "pressed-twice"}).json()["id"]
        for _ in range(2)
    ]
    assert made[0] == made[1]


def test_an_artifact_is_copied_and_replaces_nothing(server: Server, alice: User) -> None:
    job_id = alice.run("mkdir /artifacts/d; echo new > /artifacts/report.txt; echo deep > /artifacts/d/x")["id"]
    folder = f"copies-{uuid4()}"
    work = server.folder / "work" / folder
    work.mkdir()
    (work / "report.txt").write_text("mine")

    def copy(**body: str) -> httpx.Response:
        return server.http.post("/outrider/copy", json={"job": job_id, "folder": folder, **body})

    answer = copy(path="report.txt")
    assert (answer.status_code, answer.json()) == (201, {"path": f"{folder}/report (1).txt"})
    assert (work / "report.txt").read_text() == "mine"
    assert (work / "report (1).txt").read_text() == "new\n"
    assert copy(path="d").json() == {"path": f"{folder}/d.zip"}
    assert zipfile.ZipFile(work / "d.zip").namelist()
    missing = copy(path="nothing.txt")
    assert (missing.status_code, missing.json()["status"]) == (404, 404)
    assert copy(path="../../etc/passwd").status_code in (404, 422)
    assert copy(path="report.txt", folder="../..").status_code == 404
    assert copy(path="report.txt", job="../me").status_code == 422
    assert not [entry.name for entry in work.iterdir() if entry.name.startswith(".outrider-")]


def test_without_a_service_it_says_so(lonely: Server) -> None:
    status = lonely.http.get("/outrider/status").json()
    assert status["reachable"] is False
    assert "not started by Outrider's Hub" in status["message"]
    answer = lonely.http.get("/outrider/api/jobs")
    assert answer.status_code == 503
    assert "Outrider" in answer.json()["message"]


async def test_the_pages_stream_is_joined_to_the_services(server: Server, alice: User) -> None:
    import websockets

    job_id = alice.submit("for i in 1 2 3; do echo $i; sleep 0.1; done")
    lines: list[str] = []
    url = f"{server.base.replace('http', 'ws')}/outrider/stream?token=page"
    async with websockets.connect(url) as socket:
        await socket.send(json.dumps({"id": 1, "subscribe": "logs", "job": job_id}))
        while True:
            message = json.loads(await socket.recv())
            if message["event"] == "end":
                break
            lines += [line["text"] for line in message["data"]]
    assert lines == ["1", "2", "3"]
    with pytest.raises(websockets.InvalidStatus):
        await websockets.connect(url.partition("?")[0])
