"""What a supervisor makes around a command, keeps running and takes down: cgroup, process tree, network helper and port
relay. Touches the sandbox's directory (etc/, ports/) and the processes that it starts.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from . import bubblewrap, cgroups, files, gateway, linux, network, processes, relay, rlimits
from .spec import Spec
from .trees import BubblewrapTree, PlainTree, Tree

_HELPER_RESTARTS = 5
_SAMPLE_S = 0.5
_OOM_LOOK_S = 1.0


class Surroundings:
    def __init__(self, folder: Path, spec: Spec, note: Callable[[str], None]) -> None:
        self._folder = folder
        self._spec = spec
        self._note = note
        self._cgroup: cgroups.Cgroup | None = None
        self._namespaces: network.Namespaces | None = None
        self._slirp: network.Slirp | None = None
        self._web: gateway.Gateway | None = None
        self._restarts = 0
        self._sampled_oom = False
        self.tree: Tree | None = None
        self.relay: relay.Relay | None = None

    def make(self, output: int) -> Tree:
        """Make everything, up to the moment before the command starts. Raises SetupError or OSError; call `close` then
        too."""
        spec = self._spec
        (self._folder / files.PORTS).mkdir(mode=0o700, exist_ok=True)
        if spec.memory_bytes and spec.memory_limit == "cgroup":
            self._cgroup = cgroups.create(
                spec.id,
                spec.memory_bytes,
                processes_limit=spec.max_processes,
                cpu=spec.cpu,
                kill_all=spec.oom_kills_all,
            )
        if spec.isolation == "bubblewrap":
            etc = self._folder / files.ETC
            etc.mkdir(exist_ok=True)
            bubblewrap.write_etc(etc, spec)
            self.tree = BubblewrapTree(spec, str(etc), output, self._cgroup)
            self._namespaces = network.open_namespaces(self.tree.root_pid)
            if spec.max_processes and not (self._cgroup and self._cgroup.limits_processes):
                rlimits.limit_processes(self.tree.root_pid, spec.max_processes)
        else:
            linux.adopt_orphans()
            self.tree = PlainTree(spec, output, self._cgroup)
        closing: network.Closing | None = None
        if spec.network == "full" and self._namespaces is not None:
            self._slirp = network.Slirp(self._namespaces)
            if spec.closed_networks:
                closing = network.Closing(self._namespaces, spec.closed_networks)
        if spec.network == "web" and self._namespaces is not None:
            self._web = gateway.Gateway(spec, self._namespaces)
        if relay.needed(spec):
            self.relay = relay.Relay(self._folder, spec, self._namespaces)
            self.relay.wait_until_ready()
        if closing is not None:
            closing.wait()
        if self._slirp is not None:
            self._slirp.wait_until_ready()
        return self.tree

    # ── helpers that end too early ─────────────────────────────────────────────────────────────────────────────────

    def reaped(self, pid: int) -> None:
        """Handle the end of a child process, whose pid may soon be reused."""
        if self.relay is not None and pid == self.relay.pid:
            self.relay.pid = 0
        elif self._slirp is not None and pid == self._slirp.pid:
            self._slirp.close()
            self._slirp = None
            self._restart_slirp()
        elif self._web is not None and pid == self._web.pid:
            self._web = None
            self._restart_web()

    def _is_alive(self) -> bool:
        return self.tree is not None and processes.start_time(self.tree.root_pid) is not None

    def _restart_web(self) -> None:
        if self._is_alive() and self._namespaces is not None and self._may_restart("the proxy for web access"):
            try:
                self._web = gateway.Gateway(self._spec, self._namespaces)
            except OSError as error:
                self._note(f"the proxy for web access could not be started again: {error}")

    def _restart_slirp(self) -> None:
        if self._is_alive() and self._namespaces is not None and self._may_restart("the network helper"):
            with contextlib.suppress(OSError):
                self._slirp = network.Slirp(self._namespaces)
                self._slirp.wait_until_ready()

    def restart_relay(self) -> bool:
        if self.relay is not None:
            self._end_relay()
        if not self._may_restart("the relay for ports"):
            return False
        try:
            self.relay = relay.Relay(self._folder, self._spec, self._namespaces)
            self.relay.wait_until_ready()
        except OSError as error:
            self._note(f"the relay for ports could not be started again: {error}")
            self._end_relay()
            return False
        return True

    def _may_restart(self, what: str) -> bool:
        self._restarts += 1
        if self._restarts > _HELPER_RESTARTS:
            self._note(f"{what} keeps ending; it is not started again")
        return self._restarts <= _HELPER_RESTARTS

    # ── memory ─────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def memory_look_s(self) -> float | None:
        """Seconds between calls of `look_at_memory`; None: never. Version 2 cgroups kill all processes by
        themselves."""
        if not self._spec.memory_bytes:
            return None
        if self._cgroup is None:
            return _SAMPLE_S
        return _OOM_LOOK_S if self._cgroup.version == 1 and self._spec.oom_kills_all else None

    def look_at_memory(self, tree: Tree) -> None:
        """Kill what uses too much memory, where the kernel does not."""
        limit = self._spec.memory_bytes or 0
        if self._cgroup is not None:
            if self._cgroup.oom_kills():
                tree.kill()
            return
        folders = bubblewrap.tmpfs_folders(self._spec) if self._spec.isolation == "bubblewrap" else ()
        if processes.resident(tree.root_pid, folders) > limit and processes.memory(tree.root_pid, folders) > limit:
            self._sampled_oom = True
            if self._spec.oom_kills_all or not processes.kill_largest(tree.root_pid):
                tree.kill()

    def out_of_memory(self) -> bool:
        return self._sampled_oom or (self._cgroup is not None and self._cgroup.oom_kills() > 0)

    # ── the end ────────────────────────────────────────────────────────────────────────────────────────────────────

    def close(self) -> None:
        """Take everything down. Can be called at any stage, and more than once."""
        if self.tree is not None:
            self.tree.kill()
        if self._slirp is not None:
            self._slirp.close()
            self._slirp = None
        if self._web is not None:
            _end(self._web.pid)
            self._web = None
        self._end_relay()
        if self._spec.isolation == "plain":
            processes.kill_descendants(os.getpid())
        if self._cgroup is not None:
            deadline = time.monotonic() + 2.0
            while not self._cgroup.remove() and time.monotonic() < deadline:
                time.sleep(0.01)

    def _end_relay(self) -> None:
        if self.relay is None:
            return
        self.relay.close()
        if self.relay.pid:
            _end(self.relay.pid)
        self.relay = None


def _end(pid: int) -> None:
    processes.send(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
