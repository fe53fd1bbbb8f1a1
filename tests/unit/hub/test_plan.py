"""From the service's word to a sandbox, with and without isolation."""

import json
import sys
from dataclasses import replace

import pytest

from outrider_hub.spawner import plan
from outrider_sandbox import Mount, Web
from outrider_service.schema.resources import Repository, SpawnSpec

SPEC = SpawnSpec(
    lease="notebook/ann/",
    image="outrider/python",
    environment="/opt/python",
    machine="small",
    cpu=1,
    memory_mb=2048,
    gpus=["GPU-1"],
    price_per_hour=0,
    mounts=[
        {"source": "/state/storage", "target": "/storage", "read_only": False},  # type: ignore[list-item]
        {"source": "/state/teams/a", "target": "/storage/teams/a", "read_only": False},  # type: ignore[list-item]
        {"source": "/state/home", "target": "/home/outrider", "read_only": False},  # type: ignore[list-item]
    ],
    home="/home/outrider",
    env={"OUTRIDER_STORAGE": "/storage", "PATH": "/evil"},
)
SERVER = plan.Server(
    user="ann",
    name="",
    command=["jupyterhub-singleuser", "--debug"],
    environment={"JUPYTERHUB_API_TOKEN": "secret"},
    port=40000,
    hub_address="127.0.0.1:8000",
    gpu_devices=["/dev/nvidia0"],
    environment_mounts=[Mount("/opt/python", "/opt/python")],
    lab_extension="/code/lab",
    runner="/code/outrider/runner",
    network="web",
    memory_limit="sampling",
    uid=None,
    disable_userns=True,
    web=Web(hosts=["mirror"]),
    closed_networks=["169.254.0.0/16"],
    grace_s=10,
)


def test_in_a_sandbox_everything_is_at_its_place() -> None:
    spec = plan.sandbox(SERVER, SPEC, "bubblewrap")
    assert spec.argv == ["/opt/python/bin/jupyterhub-singleuser", "--debug"]
    assert (spec.network, spec.memory_limit, spec.disable_userns) == ("web", "sampling", True)
    assert spec.cpu and spec.max_processes and spec.max_processes > 1024
    assert spec.closed_networks == ["169.254.0.0/16"]
    assert spec.cwd == spec.home == spec.env["HOME"] == "/home/outrider"
    assert spec.host_ports == {40000: 40000}
    assert spec.let_in == {65432: "127.0.0.1:8000"}
    assert spec.memory_bytes == 2048 * 1024 * 1024
    assert spec.gpu_devices == ["/dev/nvidia0"]
    assert spec.env["CUDA_VISIBLE_DEVICES"] == "GPU-1"
    assert Mount("/opt/python", "/opt/python") in spec.mounts
    assert Mount("/state/storage", "/storage", False) in spec.mounts


def test_without_one_the_server_is_told_the_real_places() -> None:
    spec = plan.sandbox(SERVER, SPEC, "plain")
    assert spec.isolation == "plain"
    assert spec.cwd == spec.env["HOME"] == "/state/home"
    assert spec.env["OUTRIDER_STORAGE"] == "/state/storage"
    assert spec.let_in == {} and spec.host_ports == {}


@pytest.mark.parametrize(
    ("path", "real"),
    [
        ("/storage", "/state/storage"),
        ("/storage/data.csv", "/state/storage/data.csv"),
        ("/storage/teams/a/x", "/state/teams/a/x"),
        ("/storages", "/storages"),
        ("plain text", "plain text"),
        ("/usr/bin", "/usr/bin"),
    ],
)
def test_the_innermost_mount_decides(path: str, real: str) -> None:
    assert plan.real_path(path, [(m.source, m.target) for m in SPEC.mounts]) == real


def test_where_the_hub_is() -> None:
    assert plan.hub_url("bubblewrap", "127.0.0.1:9000") == "http://127.0.0.1:65432"
    assert plan.hub_url("plain", "127.0.0.1:9000") == "http://127.0.0.1:9000"


def test_the_environment_without_a_path_is_our_own() -> None:
    assert plan.python_prefix("") == sys.prefix


def test_unlike_servers_never_share_a_directory() -> None:
    pairs = [("ann", ""), ("ann", "default"), ("ann", "x"), ("ann-x", ""), ("Ann", ""), ("ann--x", ""), ("ä", "")]
    names = [plan.directory_name(*pair) for pair in pairs]
    assert len(set(names)) == len(pairs)
    assert all("/" not in name and name.isascii() for name in names)


def test_the_lab_extension_is_mounted_not_installed() -> None:
    confined = plan.sandbox(SERVER, SPEC, "bubblewrap")
    assert Mount("/code/lab", "/.outrider/lab") in confined.mounts
    assert confined.env["JUPYTER_CONFIG_PATH"] == "/.outrider/lab/etc/jupyter"
    assert confined.env["PYTHONPATH"] == "/.outrider/lab"
    plain = plan.sandbox(SERVER, SPEC, "plain")
    assert plain.env["JUPYTER_PATH"] == "/code/lab/share/jupyter"
    without = plan.sandbox(replace(SERVER, lab_extension=""), SPEC, "bubblewrap")
    assert "PYTHONPATH" not in without.env


def test_a_repository_is_cloned_by_what_then_becomes_the_server() -> None:
    repository = {"url": "https://git.example/x.git", "ref": None, "folder": "x", "login": ["me", "s3cret"]}
    wanted = SPEC.model_copy(update={"repository": Repository(**repository)})  # type: ignore[arg-type]
    confined = plan.sandbox(SERVER, wanted, "bubblewrap")
    assert confined.argv[0] == "/opt/python/bin/python"
    assert confined.argv[-2:] == ["/opt/python/bin/jupyterhub-singleuser", "--debug"]
    assert Mount("/code/outrider/runner", plan.RUNNER) in confined.mounts
    order = json.loads(confined.env["OUTRIDER_CLONE"])
    assert (order["url"], order["folder"], order["login"]) == ("https://git.example/x.git", "x", ["me", "s3cret"])
    assert "s3cret" not in " ".join(confined.argv)
    assert "outrider.runner.clone" in plan.sandbox(SERVER, wanted, "plain").argv[4]
    assert "OUTRIDER_CLONE" not in plan.sandbox(SERVER, SPEC, "bubblewrap").env


def test_what_became_of_a_repository_is_read_from_the_output() -> None:
    assert plan.clone_said("starting\n[outrider] repository: cloned\nJupyter is up") == "cloned"
    assert plan.clone_said("nothing of the kind") is None
