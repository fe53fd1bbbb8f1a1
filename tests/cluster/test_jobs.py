"""Jobs of users on a real cluster, through the service: what they see, how they end, and why."""

from __future__ import annotations

import httpx
import pytest

from tests.cluster.harness.places import PRIVATE_REGISTRY, REGISTRY
from tests.cluster.harness.product import Images
from tests.cluster.tools import Cluster, Namespace
from tests.integration.harness import User, eventually

ALL_REDUCE = """
import json, os, socket, struct, sys, time

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
master = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
size = 1000

def receive(sock):
    data = b""
    while len(data) < size * 8:
        piece = sock.recv(size * 8 - len(data))
        assert piece
        data += piece
    return list(struct.unpack(f"{size}d", data))

def connect():
    end = time.time() + 60
    while True:
        try:
            return socket.create_connection(master, 5)
        except OSError:
            if time.time() > end:
                raise
            time.sleep(0.2)

values = [float(rank + 1)] * size
if rank == 0:
    server = socket.create_server(("", master[1]))
    others = [server.accept()[0] for _ in range(world - 1)]
    for sock in others:
        values = [a + b for a, b in zip(values, receive(sock))]
    for sock in others:
        sock.sendall(struct.pack(f"{size}d", *values))
else:
    sock = connect()
    sock.sendall(struct.pack(f"{size}d", *values))
    values = receive(sock)
for step in range(3):
    print(json.dumps({"chart": f"sum-{rank}", "y": values[0], "x": step}), flush=True)
print("node", os.environ["NODE_RANK"], "of", os.environ["NNODES"], "has", sum(values), flush=True)
"""


def test_a_job_runs_and_everything_of_it_is_seen(alice: User) -> None:
    code = (
        "import json, os, pathlib\n"
        "for x in range(3): print(json.dumps({'chart': 'loss', 'y': 1 / (x + 1), 'x': x}))\n"
        "pathlib.Path('/artifacts/model.bin').write_bytes(b'weights')\n"
        "pathlib.Path('/storage/kept').write_text('mine')\n"
        "print(os.environ['GREETING'], os.environ['PARAM_LR'], os.getcwd(), os.getuid())\n"
    )
    workspace = {"type": "snapshot", "id": alice.upload({"main.py": code})}
    env, params = {"GREETING": "hello $(HOME)"}, {"lr": 0.1}
    job_id = alice.submit("python3 main.py", workspace=workspace, env=env, params=params)
    job = alice.ended(job_id)
    assert (job["status"], job["reason"], job["exit_code"]) == ("succeeded", "exited", 0), job
    assert "hello $(HOME) 0.1 /workspace 1000" in alice.lines(job_id)
    chart = alice.get(f"/jobs/{job_id}/metrics/loss").json()
    assert len(chart["series"][0]["y"] if "series" in chart else chart["y"]) == 3
    assert alice.get(f"/jobs/{job_id}/artifacts/model.bin").content == b"weights"
    assert alice.get("/storage/kept").text == "mine"
    kinds = [event["type"] for event in alice.get(f"/jobs/{job_id}/events").json()["items"]]
    order = ("queued", "machine_found", "workspace_ready", "started", "succeeded")
    assert [kind for kind in kinds if kind in order] == list(order)


def test_a_job_has_no_account_and_no_privileges(alice: User, namespace: Namespace) -> None:
    job_id = alice.submit(
        "ls /var/run/secrets/kubernetes.io 2>&1; grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/self/status; "
        "curl -ks -m 10 https://kubernetes.default.svc/api/v1/namespaces/default/pods | grep -c Forbidden; id -u"
    )
    assert alice.ended(job_id)["status"] == "succeeded"
    lines = alice.lines(job_id)
    assert any("No such file" in line for line in lines)
    words = {line.split(":")[0]: line.split()[-1] for line in lines if ":\t" in line}
    assert words == {"CapEff": "0000000000000000", "NoNewPrivs": "1", "Seccomp": "2"}
    # Whoever has no account may list nothing.
    assert lines[-2:] == ["1", "1000"]


def test_users_see_their_own_storage_and_secrets_only(alice: User) -> None:
    bob = alice.service.user("bob")
    assert alice.run("echo secret > /storage/private && ls /storage")["status"] == "succeeded"
    job_id = bob.submit("ls -A /storage; ls -A /storage/.. | sort | tr '\\n' ' '; mount | grep -c ' /storage '")
    assert bob.ended(job_id)["status"] == "succeeded"
    assert not any("private" in line for line in bob.lines(job_id))
    assert alice.put("/secrets/variable/HERS", json={"value": "of-alice"}).status_code == 200
    assert alice.run('test "$HERS" = of-alice', secrets=["HERS"])["exit_code"] == 0
    answer = bob.post("/jobs", json={"command": "true", "machine": "tiny", "secrets": ["HERS"]})
    assert (answer.status_code, answer.json()["field"]) == (422, "secrets"), answer.text


def test_two_machines_reduce_together(alice: User) -> None:
    snapshot = alice.upload({"reduce.py": ALL_REDUCE})
    job_id = alice.submit("python3 reduce.py", nodes=2, workspace={"type": "snapshot", "id": snapshot})
    job = alice.ended(job_id, 90)
    assert job["status"] == "succeeded", (job, alice.lines(job_id))
    lines = alice.lines(job_id)
    assert "node 0 of 2 has 3000.0" in lines
    assert "node 1 of 2 has 3000.0" in lines
    charts = {item["chart"]: item for item in alice.get(f"/jobs/{job_id}/metrics").json()["items"]}
    assert {"sum-0", "sum-1"} <= charts.keys()
    nodes = {item["node"] for item in alice.get(f"/jobs/{job_id}/logs").json()["items"]}
    assert nodes == {0, 1}


def test_one_failing_machine_ends_the_others(alice: User) -> None:
    job_id = alice.submit('if [ "$RANK" = 1 ]; then echo bad; exit 7; fi; echo waits; sleep 300', nodes=2)
    job = alice.ended(job_id, 90)
    assert (job["status"], job["reason"], job["exit_code"]) == ("failed", "exited", 7), job


def test_a_missing_image_is_told_with_its_name(alice: User) -> None:
    job = alice.ended(alice.submit("true", image="no-such-image:1"))
    assert (job["status"], job["reason"]) == ("failed", "image_pull_failed"), job
    assert "no-such-image:1" in job["message"]


def test_a_private_image_is_pulled_with_its_owners_account(
    alice: User, images: Images, namespace: Namespace, private_registry: tuple[str, str]
) -> None:
    account, password = private_registry
    image = images.base.replace(REGISTRY, PRIVATE_REGISTRY)
    secret = f"/secrets/registry/{PRIVATE_REGISTRY}"
    alice.delete(secret)
    bob = alice.service.user("bob")
    for person in (alice, bob):
        assert person.post("/own-images", json={"name": image, "check": False}).status_code in (200, 201)

    def refused(person: User) -> None:
        job = person.run("echo ran", image=image)
        assert (job["status"], job["reason"]) == ("failed", "image_pull_failed"), job
        assert "Check its name and your access" in job["message"]
        assert PRIVATE_REGISTRY in job["message"]

    refused(alice)
    assert alice.put(secret, json={"account": account, "value": "not the password"}).status_code == 200
    refused(alice)
    assert alice.put(secret, json={"account": account, "value": password}).status_code == 200
    job = alice.run("echo ran", image=image)
    assert job["status"] == "succeeded", job
    # The node has the image now; it is none of Bob's all the same.
    refused(bob)
    kind = "--field-selector=type=kubernetes.io/dockerconfigjson"
    eventually("no account is left", lambda: not namespace.get("secrets", kind)["items"])


@pytest.mark.parametrize("machine", ["giant", "elsewhere"])
def test_what_no_machine_could_ever_take_fails(alice: User, machine: str) -> None:
    job = alice.ended(alice.submit("true", machine=machine))
    assert (job["status"], job["reason"]) == ("failed", "unschedulable"), job
    assert machine == "giant" or "labels" in job["message"]


def test_a_pool_that_grows_from_nothing_is_waited_for(alice: User) -> None:
    job_id = alice.submit("true", machine="later")
    eventually("it waits", lambda: "Waiting for a free machine" in (alice.job(job_id)["message"] or ""))
    assert alice.job(job_id)["status"] == "provisioning"
    assert alice.post(f"/jobs/{job_id}/stop").status_code in (200, 202)
    job = alice.ended(job_id)
    assert (job["status"], job["reason"]) == ("cancelled", "cancelled_by_user")


def test_too_much_memory_is_said(alice: User) -> None:
    job = alice.run("python3 -c 'x = [bytearray(10**7) for _ in range(1000)]'")
    assert (job["status"], job["reason"]) == ("failed", "out_of_memory"), job


def test_a_stop_ends_the_pod_and_leaves_nothing(alice: User, namespace: Namespace) -> None:
    job_id = alice.submit("trap 'echo bye; exit 3' TERM; echo up; sleep 300 & wait")
    eventually("it is up", lambda: "up" in alice.lines(job_id))
    alice.post(f"/jobs/{job_id}/stop")
    job = alice.ended(job_id)
    assert (job["status"], job["reason"]) == ("cancelled", "cancelled_by_user")
    assert "bye" in alice.lines(job_id)
    label = f"outrider.dev/job={job_id}"
    eventually(
        "nothing is left of it",
        lambda: not namespace.get("jobs,pods,secrets", "-l", label)["items"],
    )


def test_a_port_is_reached_through_the_service(alice: User) -> None:
    serve = "mkdir -p web; echo served > web/index.html; python3 -m http.server 8080 --bind 127.0.0.1 -d web"
    job_id = alice.submit(serve, ports=[8080])
    alice.until(job_id, "running")
    url = f"{alice.service.base.removesuffix('api/v1')}endpoints/{job_id}/8080/"
    headers = {"Authorization": f"token {alice.token}"}
    eventually("it answers", lambda: httpx.get(url, headers=headers, timeout=10).text.strip() == "served")
    bob = alice.service.user("bob")
    assert httpx.get(url, headers={"Authorization": f"token {bob.token}"}).status_code == 404
    alice.post(f"/jobs/{job_id}/stop")
    alice.ended(job_id)


def test_gpus_are_shared_out_and_the_queue_is_shown(alice: User, cluster: Cluster, gpus: None) -> None:
    def free(name: str) -> int | None:
        machines = {m["name"]: m for m in alice.get("/machines").json()["items"]}
        return machines[name]["free"] if machines[name]["total"] is not None else None

    eventually("four GPUs are there", lambda: (free("gpu-1"), free("gpu-2"), free("gpu-4")) == (4, 2, 1))
    one, two = (alice.submit("sleep 300", machine=f"gpu-{n}") for n in (1, 2))
    alice.until(one, "running")
    alice.until(two, "running")
    eventually("one is left", lambda: (free("gpu-1"), free("gpu-2"), free("gpu-4")) == (1, 0, 0))
    four = alice.submit("echo ran", machine="gpu-4")
    # In the cluster's own queue: of two that come at once, either may be the first there.
    eventually("it waits", lambda: alice.job(four)["message"] == "Waiting for a free GPU.")
    assert alice.job(four)["queue_position"] == 1
    another = alice.submit("echo ran", machine="gpu-2")
    eventually("it waits behind", lambda: alice.job(another)["queue_position"] == 2)
    assert "1 ahead" in alice.job(another)["message"]
    for job_id in (one, two):
        alice.post(f"/jobs/{job_id}/stop")
    for job_id in (one, two):
        alice.ended(job_id)
    assert alice.ended(four)["status"] == alice.ended(another)["status"] == "succeeded"


def test_a_hundred_megabytes_of_output_are_all_there(alice: User) -> None:
    line = "x" * 990
    count = 100_000
    code = f"for n in range({count}): print('%08d {line}' % n)"
    job_id = alice.submit(f'python3 -c "{code}"')
    job = alice.ended(job_id, 170)
    assert job["status"] == "succeeded", job
    seen = 0
    after = 0
    while True:
        page = alice.get(f"/jobs/{job_id}/logs", params={"after": after, "limit": 10000}).json()
        for item in page["items"]:
            assert int(item["text"][:8]) == seen, (seen, item["text"][:20])
            seen += 1
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == count
