"""bwrap's command line, which decides what a sandbox sees of the host. It follows from the specification and from what
exists on this machine.

A sandbox that runs as root has no capabilities but still owns root's files. Some files in /proc are writable for their
owner (core_pattern, sysrq-trigger), so they are mounted read-only or masked, as container runtimes do."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from . import seccomp, web
from .spec import Mount, Spec

UID = 1000
_SYSTEM_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ETC = (
    "alternatives",
    "ca-certificates/extracted",
    "chromium.d",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "OpenCL",
    "pki/ca-trust/extracted",
    "pki/tls/cert.pem",
    "pki/tls/certs",
    "pki/tls/openssl.cnf",
    "protocols",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "vulkan",
)
_PROC_READ_ONLY = (
    "acpi",
    "bus",
    "driver",
    "dynamic_debug",
    "fs",
    "irq",
    "mtrr",
    "scsi",
    "sys",
    "sysrq-trigger",
    "tty",
)
_PROC_MASKED = (
    "kcore",
    "keys",
    "kmsg",
    "latency_stats",
    "sched_debug",
    "timer_list",
    "timer_stats",
    "vmcore",
)
_SYS_ALWAYS = ("devices/system/cpu", "devices/system/node")
_SYS_FOR_GPUS = ("bus", "class", "devices", "module")


def etc_files(spec: Spec) -> dict[str, str]:
    """The files of /etc that each sandbox has of its own, by name."""
    shell = "/bin/bash" if Path("/bin/bash").exists() else "/bin/sh"
    return {
        "passwd": f"user:x:{UID}:{UID}:user:{spec.home}:{shell}\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
        "group": f"user:x:{UID}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {host_name(spec)}\n::1 localhost ip6-localhost ip6-loopback\n",
        "hostname": f"{host_name(spec)}\n",
        # slirp4netns answers here and asks the resolver that the host uses at the time.
        "resolv.conf": "nameserver 10.0.2.3\noptions edns0\n" if spec.network == "full" else "",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
    }


def write_etc(folder: Path, spec: Spec) -> None:
    """Write the files of `etc_files` into an existing directory, readable for every user."""
    folder.chmod(0o755)
    for name, text in etc_files(spec).items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o644)


def host_name(spec: Spec) -> str:
    """The sandbox's host name: its id without the characters that host names cannot have."""
    name = "".join(c if c.isascii() and c.isalnum() else "-" for c in spec.id.lower()).strip("-")
    return name[:63].rstrip("-") or "sandbox"


_INIT = "/.init/sh"  # busybox goes by its name
_INIT_SCRIPT = """
exec 3<&0 4>&1 </dev/null >/dev/null 2>&1
(read -r _ <&3 && exec "$@" </dev/null >&4 2>&1 3<&- 4>&-)
exit $?
"""
# Pid 1 inside is a shell whose program nobody may read, so the kernel makes it non-dumpable: no process inside can
# trace it or open its files in /proc. It waits for the command as a foreground job, since a shell's background jobs
# ignore SIGINT, and it reaps orphans meanwhile.
#
# The command's own process waits for the release, a line on stdin. bwrap's `--block-fd` would wait before its processes
# have learned to die with their parents, and a supervisor killed then would leave them for ever. Here the end of the
# supervisor is an end of file, and the command does not run.


@contextlib.contextmanager
def command_line(
    spec: Spec, folder: str, status: int, cgroup: Mount | None = None
) -> Iterator[tuple[list[str], list[int]]]:
    """The words that start the sandbox, whose command runs after a line on stdin, and the descriptors that they name.
    The descriptors are closed at the end of the context. Raises OSError."""
    if spec.uid is not None:
        from . import staging  # and with it ctypes, which others need not load

        *mounts, etc = staging.staged(to_stage(spec, folder))
        spec, folder = replace(spec, mounts=mounts), etc.source
    with contextlib.ExitStack() as held:
        init = os.open("/bin/sh", os.O_RDONLY | os.O_CLOEXEC)
        held.callback(os.close, init)
        inside = options(spec, folder, cgroup)
        fds = [init, status]
        if (filtered := seccomp.program(os.uname().machine)) is not None:
            fds.append(_held(held, "seccomp", filtered))
            inside += ["--seccomp", str(fds[-1])]
        # Before the root is closed: see `options`.
        inside = ["--perms", "0111", "--ro-bind-data", str(init), _INIT, *inside]
        fds.append(_held(held, "bwrap", as_file(inside)))
        words = ["bwrap", "--args", str(fds[-1]), "--json-status-fd", str(status)]
        yield [*words, "--", _INIT, "-c", _INIT_SCRIPT, "sh", *spec.argv], fds


def to_stage(spec: Spec, folder: str) -> list[Mount]:
    """The mounts of a sandbox with a uid of its own that `staging` must prepare; the directory of /etc comes last."""
    return [*spec.mounts, Mount(folder, folder)]


def _held(held: contextlib.ExitStack, name: str, data: bytes) -> int:
    fd = os.memfd_create(name)
    held.callback(os.close, fd)
    os.write(fd, data)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def options(spec: Spec, folder: str, cgroup: Mount | None = None) -> list[str]:
    """bwrap's options without those that name descriptors. The order matters: later mounts cover earlier ones."""
    words = ["--unshare-all", "--unshare-user", "--uid", str(UID), "--gid", str(UID), "--cap-drop", "ALL"]
    words += ["--disable-userns"] if spec.disable_userns else []
    words += ["--as-pid-1"]
    words += ["--die-with-parent", "--new-session", "--hostname", host_name(spec)]
    words += system()
    for name in etc_files(spec):
        words += ["--ro-bind", f"{folder}/{name}", f"/etc/{name}"]
    words += ["--proc", "/proc"]
    words += _try_read_only(f"/proc/{name}" for name in _PROC_READ_ONLY if Path("/proc", name).exists())
    for name in _PROC_MASKED:
        if Path("/proc", name).exists():
            words += ["--ro-bind", "/dev/null", f"/proc/{name}"]
    words += ["--dev", "/dev"]
    words += _tmpfs("/dev/shm", spec.shm_bytes, "1777")  # noqa: S108
    for device in spec.gpu_devices:
        words += ["--dev-bind-try", device, device]
    words += ["--remount-ro", "/dev"]
    words += _try_read_only(f"/sys/{name}" for name in (_SYS_FOR_GPUS if spec.gpu_devices else _SYS_ALWAYS))
    if cgroup is not None:
        words += ["--ro-bind", cgroup.source, cgroup.target]
    words += _tmpfs("/tmp", spec.memory_bytes, "1777")  # noqa: S108
    words += _tmpfs("/run", 1 << 20, "755")
    words += _tmpfs(spec.home, spec.memory_bytes, "700")
    for mount in sorted(spec.mounts, key=lambda m: len(Path(m.target).parts)):
        words += ["--ro-bind" if mount.read_only else "--bind", mount.source, mount.target]
    # The rest of the root is a tmpfs, which must not be filled.
    words += ["--remount-ro", "/", "--chdir", spec.cwd, "--clearenv"]
    env = web.environment(spec.env) if spec.network == "web" else spec.env
    for name, value in env.items():
        words += ["--setenv", name, value]
    return words


def tmpfs_folders(spec: Spec) -> tuple[str, ...]:
    """The tmpfs directories that a sandbox can write to: files there take memory."""
    covered = {mount.target for mount in spec.mounts}
    return tuple(folder for folder in ("/dev/shm", "/tmp", spec.home) if folder not in covered)  # noqa: S108


def system() -> list[str]:
    """Options for the host's programs and libraries, which every sandbox sees read-only."""
    words = ["--ro-bind", "/usr", "/usr"]
    for name in _SYSTEM_LINKS:
        path = Path("/", name)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    return words + _try_read_only(f"/etc/{name}" for name in _ETC)


def _try_read_only(paths: Iterable[str]) -> list[str]:
    return [word for path in paths for word in ("--ro-bind-try", path, path)]


def _tmpfs(path: str, size: int | None, mode: str) -> list[str]:
    sized = ["--size", str(size)] if size else []
    return ["--perms", mode, *sized, "--tmpfs", path]


def as_file(words: list[str]) -> bytes:
    """Options in the form that `bwrap --args FD` reads. Process lists do not show them, and the job's variables (such
    as LD_PRELOAD) do not reach bwrap itself, which runs outside."""
    return b"".join(os.fsencode(word) + b"\0" for word in words)
