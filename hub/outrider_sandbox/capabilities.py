"""What this machine can do for sandboxes. Each feature is tried, and what fails is explained to the operator. The
result goes into each sandbox's specification, so a sandbox never uses a feature that failed here."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from . import bubblewrap, cgroups, network, seccomp, spawn
from .spec import CLOSED_NETWORKS, Isolation, MemoryLimit, Mount, Network, Spec
from .trees import SetupError, StatusPipe, become_bwrap, wait_until_made

_TRY_S = 20.0
_TRIES = 3
_TRY_PORT = 9  # any would do: nothing else is in that namespace
_TRY = Spec(id="try", argv=["true"], env={"TRY": "1"}, memory_bytes=64 << 20, shm_bytes=1 << 20)
_WEB_ONLY = (
    "Web access only: jobs and notebooks reach HTTP and HTTPS servers, through a proxy that HTTP_PROXY and HTTPS_PROXY "
    "name there (pip, curl, and git over https use it by themselves). Other protocols, and UDP, reach nothing outside."
)


@dataclass(frozen=True)
class Capabilities:
    """What works. `network`: what sandboxes reach outside; plain processes use the machine's own network. `uids`:
    whether each user can have a uid of their own. `disable_userns`: whether bwrap can forbid user namespaces inside.
    `notes`: what is lost, why, and what to do about it, in sentences."""

    bubblewrap: bool
    network: Network
    memory: Literal["cgroup2", "cgroup1", "sampling"]
    disable_userns: bool = False
    uids: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def isolation(self) -> Isolation:
        return "bubblewrap" if self.bubblewrap else "plain"

    @property
    def memory_limit(self) -> MemoryLimit:
        return "sampling" if self.memory == "sampling" else "cgroup"


def usable(uids: range | None = None, state: Path | None = None) -> Capabilities:
    """Takes some tenths of a second; starts and ends a few processes. Whether sandboxes can have uids of their own is
    tried with the last of `uids` and a directory made below `state`, and only for root."""
    notes: list[str] = []
    isolated = _bubblewrap(notes)
    outside = _network(notes) if isolated else "full"
    no_userns = isolated and _disable_userns(notes)
    own = isolated and uids is not None and state is not None and _uids(notes, uids[-1], state)
    return Capabilities(isolated, outside, _memory(notes, isolated), no_userns, own, notes)


def _tried(attempt: Callable[[], None]) -> str | None:
    """The last error if every attempt failed, else None. A busy machine may fail once, and must keep its sandboxes."""
    said = None
    for _ in range(_TRIES):
        try:
            attempt()
        except (OSError, SetupError, subprocess.SubprocessError) as error:
            said = str(error).rstrip(".")
        else:
            return None
    return said


@contextmanager
def _sandbox(cgroup: cgroups.Cgroup | None = None, spec: Spec = _TRY) -> Iterator[network.Namespaces]:
    """A sandbox with every option that a real one has, since an old bwrap lacks some. It ends when its stdin ends:
    killing it during its setup would leave half of it behind. Raises SetupError and OSError."""
    with tempfile.TemporaryDirectory(prefix="outrider-try-") as folder, tempfile.TemporaryFile() as said:
        bubblewrap.write_etc(Path(folder), spec)
        mount = Mount(str(cgroup.path), cgroup.inside) if cgroup else None
        status = StatusPipe()
        try:
            with (
                bubblewrap.command_line(spec, folder, status.write, mount) as (words, descriptors),
                subprocess.Popen(
                    words,
                    pass_fds=descriptors,
                    stdin=subprocess.PIPE,
                    stdout=said,
                    stderr=said,
                    preexec_fn=functools.partial(_become, spec, folder, said.fileno()),
                ) as process,
            ):
                status.close_write()
                try:
                    pid, pidfd = wait_until_made(status)
                except SetupError as error:
                    process.wait(_TRY_S)
                    said.seek(0)
                    raise SetupError(said.read().decode(errors="replace").strip() or str(error)) from error
                os.close(pidfd)
                namespaces = network.open_namespaces(pid)
                try:
                    yield namespaces
                finally:
                    namespaces.close()
                process.communicate(timeout=_TRY_S)
        finally:
            status.close()


def _bubblewrap(notes: list[str]) -> bool:
    lost = "Without it, jobs and notebooks are plain processes that see all of this machine, for one user only."
    if shutil.which("bwrap") is None:
        notes.append(f"bubblewrap is not installed (Debian: apt-get install bubblewrap). {lost}")
        return False
    if said := _tried(_try_bubblewrap):
        notes.append(
            f"bubblewrap does not work here: {said}. User namespaces may be switched off "
            "(sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces), bubblewrap may be older than 0.5, "
            f"or this is a container. {lost}"
        )
        return False
    return True


def _try_bubblewrap() -> None:
    """Ports need a network namespace that can be joined."""
    with _sandbox() as namespaces:
        network.listen_inside(namespaces, _TRY_PORT).close()


def _disable_userns(notes: list[str]) -> bool:
    """It fails where /proc/sys is read-only, and before bubblewrap 0.8. The system call filter is enough then."""
    said = _tried(_try_disable_userns)
    machine = os.uname().machine
    if seccomp.program(machine) is None:
        namespaces = "" if said is None else f" Nor can bubblewrap forbid user namespaces inside: {said}."
        notes.append(
            f"There is no system call filter for {machine}: sandboxes can use all of the kernel that an ordinary user "
            f"can.{namespaces} Let only people run things here whom you trust."
        )
    return said is None


def _try_disable_userns() -> None:
    with _sandbox(spec=replace(_TRY, disable_userns=True)) as namespaces:
        network.listen_inside(namespaces, _TRY_PORT).close()


def _uids(notes: list[str], uid: int, state: Path) -> bool:
    if os.geteuid() != 0:
        return False
    said = _tried(lambda: _try_uid(uid, state))
    if said:
        notes.append(
            f"Users cannot have uids of their own here: {said}. What they run is root's as far as files are concerned, "
            "though without capabilities and in a sandbox. Start Outrider as an ordinary user, or keep its state on a "
            "file system with idmapped mounts (ext4, xfs and btrfs, from Linux 5.12 on)."
        )
    return said is None


def _try_uid(uid: int, state: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="try-", dir=state) as folder:
        mounts = [Mount(folder, "/try", read_only=False), Mount(sys.prefix, sys.prefix)]
        with _sandbox(spec=replace(_TRY, uid=uid, mounts=mounts)) as namespaces:
            network.listen_inside(namespaces, _TRY_PORT).close()


def _become(spec: Spec, folder: str, output: int) -> None:
    """Popen hides exceptions of this function, so they go to the output, beside bwrap's own errors."""
    try:
        become_bwrap(spec, folder)
    except BaseException as error:
        os.dup2(output, 2)
        spawn.fail(str(error), error)


def _network(notes: list[str]) -> Network:
    if shutil.which("slirp4netns") is None:
        why = "slirp4netns is not installed (Debian: apt-get install slirp4netns)"
    elif not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        why = "/dev/net/tun is missing or not accessible (as root: modprobe tun; chmod 0666 /dev/net/tun)"
    elif said := _tried(_try_network):
        why = f"slirp4netns does not work here: {said}"
    else:
        return "full"
    notes.append(f"{_WEB_ONLY} The reason: {why}.")
    return "web"


def _try_network() -> None:
    with _sandbox() as namespaces:
        slirp = network.Slirp(namespaces, output=os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC))
        try:
            network.Closing(namespaces, CLOSED_NETWORKS).wait()
            slirp.wait_until_ready()
        finally:
            slirp.close()
            with contextlib.suppress(ChildProcessError):
                os.waitpid(slirp.pid, 0)


def _memory(notes: list[str], isolated: bool) -> Literal["cgroup2", "cgroup1", "sampling"]:
    cgroup = cgroups.create("try", 64 << 20)
    said = None
    if cgroup is not None:
        try:
            said = _tried(lambda: _try_cgroup(cgroup)) if isolated else None
        finally:
            cgroup.remove()
    if cgroup is not None and said is None:
        return "cgroup2" if cgroup.version == 2 else "cgroup1"
    notes.append(
        f"No memory cgroup can be {f'used here: {said}' if said else 'made here'}. The memory limit is kept by "
        "looking twice a second, so a job that grows very fast may take memory from others first."
    )
    return "sampling"


def _try_cgroup(cgroup: cgroups.Cgroup) -> None:
    with _sandbox(cgroup):
        pass


def which_python_prefixes(executable: str) -> list[Path]:
    """The directories that a sandbox must see to run a Python: its prefix, and that of the installation it was made
    from. Directories below /usr are left out, since every sandbox sees them."""
    answer = subprocess.run(
        [
            executable,
            "-I",
            "-c",
            "import sys; print(sys.prefix, sys.base_prefix, sys.exec_prefix, sep='\\n')",
        ],
        capture_output=True,
        timeout=_TRY_S,
        check=True,
    )
    paths = {Path(line) for line in answer.stdout.decode().splitlines()}
    paths |= {path.resolve() for path in paths}
    return sorted(path for path in paths if not path.is_relative_to("/usr"))
