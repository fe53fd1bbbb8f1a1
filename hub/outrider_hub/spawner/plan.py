"""From the service's specification to a sandbox: pure functions.

With ``bubblewrap`` isolation the server sees the mounts; with ``plain`` isolation there are none, and all paths that
the server gets are the host's."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from outrider_sandbox import MemoryLimit, Mount, Network, Spec, Web, processes_for
from outrider_service.contracts.spawning import Repository, SpawnSpec, slug

INSIDE_PORT = 65432
"""The port of the Hub's public address inside every sandbox."""
MIB = 1024 * 1024
LAB_EXTENSION = "/.outrider/lab"
"""Where the JupyterLab extension is mounted."""
RUNNER = "/.outrider/outrider_runner"
"""Where the code that clones a repository before the start is mounted."""
CLONE_SAYS = "[outrider] repository: "
CLONE_S = 100
"""How long cloning may take, which adds to the start timeout."""
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


@dataclass(frozen=True)
class Server:
    """A notebook server as the Hub knows it."""

    user: str
    name: str
    command: list[str]
    environment: Mapping[str, str]
    port: int
    hub_address: str
    gpu_devices: list[str]
    environment_mounts: list[Mount]
    lab_extension: str
    runner: str
    """The directory of the runner's code on this machine."""
    network: Network
    memory_limit: MemoryLimit
    uid: int | None
    disable_userns: bool
    web: Web
    closed_networks: list[str]
    grace_s: float


def directory_name(user: str, server: str) -> str:
    """The name of a server's sandbox directory. Slugs contain no double hyphen, so different servers never collide."""
    return f"{slug(user)}--{slug(server)}" if server else slug(user)


def hub_url(isolation: str, hub_address: str) -> str:
    """The Hub's and the service's URL for the server."""
    return f"http://127.0.0.1:{INSIDE_PORT}" if isolation == "bubblewrap" else f"http://{hub_address}"


def python_prefix(environment: str) -> str:
    """The directory of the Python environment; anything but a path means Outrider's own."""
    return environment if environment.startswith("/") else sys.prefix


def sandbox(server: Server, spec: SpawnSpec, isolation: str) -> Spec:
    """Everything that the sandbox needs to start this server."""
    prefix = python_prefix(spec.environment)
    program, *arguments = server.command
    if "/" not in program:
        program = f"{prefix}/bin/{program}"
    env = {
        "PATH": f"{prefix}/bin:{SYSTEM_PATH}",
        "LANG": "C.UTF-8",
        "SHELL": "/bin/bash",
        # UUIDs; empty hides other GPUs where nothing else does.
        "CUDA_VISIBLE_DEVICES": ",".join(spec.gpus),
        "NVIDIA_VISIBLE_DEVICES": ",".join(spec.gpus) or "void",
        "MEM_LIMIT": str(spec.memory_mb * MIB),
        **(lab_environment(LAB_EXTENSION) if server.lab_extension else {}),
        **spec.env,
        **server.environment,
        "HOME": spec.home,
    }
    home = spec.home
    words = [program, *arguments]
    if spec.repository is not None:
        env["OUTRIDER_CLONE"] = clone_order(spec.repository, CLONE_S)
        words = [f"{prefix}/bin/python", *cloning(server.runner, isolation), *words]
    mounts = [(mount.source, mount.target) for mount in spec.mounts]
    lab = [Mount(server.lab_extension, LAB_EXTENSION)] if server.lab_extension else []
    mounts += [(mount.source, mount.target) for mount in lab]
    runner = [Mount(server.runner, RUNNER)] if spec.repository is not None else []
    confined = isolation == "bubblewrap"
    if not confined:
        home = real_path(home, mounts)
        env = {name: real_path(value, mounts) for name, value in env.items()}
    return Spec(
        id=directory_name(server.user, server.name),
        argv=words,
        env=env,
        cwd=home,
        isolation="bubblewrap" if confined else "plain",
        mounts=[
            *server.environment_mounts,
            *lab,
            *runner,
            *(Mount(mount.source, mount.target, mount.read_only) for mount in spec.mounts),
        ],
        home=home,
        memory_bytes=spec.memory_mb * MIB,
        memory_limit=server.memory_limit,
        max_processes=processes_for(spec.cpu),
        cpu=spec.cpu,
        uid=server.uid,
        disable_userns=server.disable_userns,
        # Out of memory kills only the largest kernel; the server and the other notebooks survive.
        oom_kills_all=False,
        shm_bytes=spec.memory_mb * MIB // 2,
        gpu_devices=server.gpu_devices,
        ports=[],
        host_ports={server.port: server.port} if confined else {},
        let_in={INSIDE_PORT: server.hub_address} if confined else {},
        network=server.network,
        web=server.web,
        closed_networks=server.closed_networks,
        grace_s=server.grace_s,
        notify=None,
    )


def clone_order(repository: Repository, timeout_s: int) -> str:
    """The value of ``OUTRIDER_CLONE``, which the cloning program removes from the environment."""
    return json.dumps({**repository.model_dump(exclude_none=True), "timeout_s": timeout_s})


def cloning(runner: str, isolation: str) -> list[str]:
    """Python's options that clone first and then exec the following command."""
    where, package = PurePosixPath(RUNNER).parent, "outrider_runner"
    if isolation != "bubblewrap":
        where, package = PurePosixPath(runner).parent.parent, "outrider.runner"
    return [
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.insert(0, {str(where)!r}); from {package}.clone import main; main()",
    ]


def clone_said(output: str) -> str | None:
    """The cloning program's last message in a server's output; None: nothing yet."""
    said = [line.partition(CLONE_SAYS)[2] for line in output.splitlines() if line.startswith(CLONE_SAYS)]
    return said[-1] if said else None


def lab_environment(directory: str) -> dict[str, str]:
    """Variables that make Jupyter find a mounted extension."""
    return {
        "PYTHONPATH": directory,
        "JUPYTER_PATH": f"{directory}/share/jupyter",
        "JUPYTER_CONFIG_PATH": f"{directory}/etc/jupyter",
    }


def real_path(value: str, mounts: Iterable[tuple[str, str]]) -> str:
    """The host's path for a path inside the sandbox; other values are returned unchanged."""
    best: tuple[str, str] | None = None
    for source, target in mounts:
        inside = value == target or value.startswith(target.rstrip("/") + "/")
        if inside and (best is None or len(target) > len(best[1])):
            best = (source, target)
    if best is None:
        return value
    source, target = best
    return str(PurePosixPath(source) / PurePosixPath(value).relative_to(target))
