"""What a hostile program asks of the kernel, and what debuggers, Node and browsers need of it."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from outrider_sandbox import cgroups, seccomp

from .conftest import CAN, Box

pytestmark = pytest.mark.skipif(
    seccomp.program(os.uname().machine) is None, reason=f"no system call filter for {os.uname().machine}"
)
PYTHON = "/usr/bin/python3"
COLUMN = seccomp.ARCHITECTURES.get(os.uname().machine, (0, 0))[1]
NUMBERS = {name: numbers[COLUMN] for name, numbers in seccomp.NUMBERS.items() if numbers[COLUMN] is not None}
CALLS = f"""
import ctypes, errno, os, sys
NUMBERS = {NUMBERS!r}
libc = ctypes.CDLL(None, use_errno=True)

def call(name, *arguments):
    ctypes.set_errno(0)
    number = name if isinstance(name, int) else NUMBERS[name]
    said = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return said if said >= 0 else errno.errorcode[ctypes.get_errno()]
"""
NAMESPACES = """
import signal
flags = {"mnt": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
    "pid": 0x20000000, "net": 0x40000000, "time": 0x80}
for name, flag in flags.items():
    for combined in {flag, flag | 0x10000000}:
        pid = os.fork()
        if pid == 0:
            os._exit(0 if call("unshare", combined) == "EPERM" else 1)
        if os.waitpid(pid, 0)[1]:
            print("unshared", name)
        if flag != 0x80:
            said = call("clone", combined | signal.SIGCHLD, 0, 0, 0, 0)
            if said == 0:
                os._exit(0)
            if said != "EPERM":
                print("cloned", name, said)
    fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
    if call("setns", fd, 0) != "EPERM":
        print("joined", name)
    os.close(fd)
print(call("clone3", 0, 0), "end")
"""


def test_no_namespace_can_be_made_or_joined(anybodys: Box, disable_userns: bool) -> None:
    anybodys.launch(PYTHON, "-c", CALLS + NAMESPACES, disable_userns=disable_userns).end()
    assert anybodys.lines == ["ENOSYS end"]


POWERS = """
parameters = ctypes.create_string_buffer(256)
tries = {
    "io_uring_setup": (1, parameters), "bpf": (5, parameters, 72), "perf_event_open": (parameters, 0, -1, -1, 0),
    "keyctl": (0, -3, 1), "add_key": (b"user", b"k", b"v", 1, -3), "request_key": (b"user", b"k", 0, -3),
    "userfaultfd": (1,), "mount": (b"none", b"/tmp", b"tmpfs", 0, 0), "umount2": (b"/proc/sys", 0),
    "fsopen": (b"tmpfs", 0), "open_tree": (-100, b"/", 0), "move_mount": (-1, b"", -1, b"", 0),
    "mount_setattr": (-100, b"/", 0, parameters, 32), "pivot_root": (b"/", b"/"), "open_by_handle_at": (0, 0, 0),
    "kexec_load": (0, 0, 0, 0), "kexec_file_load": (0, 0, 0, 0, 0), "init_module": (0, 0, 0),
    "finit_module": (0, 0, 0), "delete_module": (b"x", 0), "swapon": (b"/x", 0), "swapoff": (b"/x",),
    "reboot": (0, 0, 0, 0), "acct": (0,), "quotactl": (0, 0, 0, 0), "syslog": (3, parameters, 256),
    "socket": (40, 1, 0), "ioctl": (0, 0x5412, b"x"), "personality": (6,),
}
for name, arguments in tries.items():
    print(name, call(name, *arguments))
print("x32", call(0x40000000 | 39))
print("later", call(4000))
"""
NOT_THERE = {"io_uring_setup", "userfaultfd", "x32", "later"}


def test_what_container_runtimes_deny_is_denied(anybodys: Box) -> None:
    anybodys.launch(PYTHON, "-c", CALLS + POWERS).end()
    said = dict(line.split(" ") for line in anybodys.lines)
    assert said.pop("socket") == "EAFNOSUPPORT"
    wrong = {name: answer for name, answer in said.items() if answer != ("ENOSYS" if name in NOT_THERE else "EPERM")}
    assert not wrong
    assert len(said) == 30


TRACE_PID_1 = """
print(call("ptrace", 16, 1, 0, 0), call("ptrace", 0x4206, 1, 0, 0))
buffer = ctypes.create_string_buffer(8)
print(call("process_vm_readv", 1, buffer, 0, buffer, 0, 0))
print(call(438, os.pidfd_open(1), 0, 0))
for name in ("mem", "environ", "maps", "exe", "root", "cwd", "fd/0", "fd/1", "ns/user"):
    try:
        path = f"/proc/1/{name}"
        print(name, len(open(path, "rb").read()) if name in ("mem", "environ", "maps") else os.readlink(path))
    except OSError as error:
        print(errno.errorcode[error.errno])
"""


def test_pid_1_cannot_be_traced_or_looked_into(anybodys: Box) -> None:
    anybodys.launch(PYTHON, "-c", CALLS + TRACE_PID_1).end()
    assert anybodys.lines[:3] == ["EPERM EPERM", "EPERM", "EPERM"]
    assert set(anybodys.lines[3:]) == {"EACCES"}, anybodys.text


LIFT = """
mkdir -p /tmp/m
for kind in memory freezer pids; do
  unshare --user --map-root-user --mount --cgroup sh -c "mount -t cgroup -o $kind none /tmp/m && echo mounted $kind;
    for f in /tmp/m/memory.limit_in_bytes /tmp/m/*/memory.limit_in_bytes; do echo -1 > $f; done"
done 2>/dev/null
unshare --user --map-root-user --mount --cgroup sh -c 'mount -t cgroup2 none /tmp/m && echo mounted v2;
  echo max > /tmp/m/memory.max' 2>/dev/null
for f in /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max; do
  (echo 99999999999 > $f) 2>/dev/null && echo lifted $f
  mount -o remount,rw,bind /sys/fs/cgroup 2>/dev/null && echo remounted
done
find / -name cgroup.procs -writable 2>/dev/null
echo tried
exec python3 -c 'held = [bytearray(b"x" * (1 << 20)) for _ in range(400)]
import time; time.sleep(60); print("lifted")'
"""


def test_a_job_cannot_lift_its_memory_limit_or_reach_groups_of_the_host(anybodys: Box, disable_userns: bool) -> None:
    state = anybodys.shell(LIFT, memory_bytes=100 << 20, disable_userns=disable_userns).end()
    assert (anybodys.lines, state.reason) == (["tried"], "out_of_memory")


@pytest.mark.skipif(CAN.memory == "sampling", reason="no memory cgroup can be made here")
def test_groups_of_the_host_are_not_even_visible(isolated: Box) -> None:
    isolated.shell(
        "find /sys/fs/cgroup -name 'outrider-*'; grep cgroup /proc/self/mountinfo | cut -d' ' -f6", memory_bytes=1 << 28
    ).end()
    assert [options.split(",")[0] for options in isolated.lines] == ["ro"]
    assert any(cgroups._parents("memory"))


# ── what goes on working ──────────────────────────────────────────────────────────────────────────────────────────

SIGNALS = """
import os, signal, subprocess, threading, multiprocessing
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, signal.getsignal(signal.SIGQUIT) == signal.SIG_DFL)
thread = threading.Thread(target=print, args=("thread",))
thread.start()
thread.join()
print(subprocess.run(["sh", "-c", "echo child; exit 3"]).returncode, flush=True)
with multiprocessing.Pool(2) as pool:
    print(sum(pool.map(abs, [-1, -2])))
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(0)
    os._exit(0)
os.wait()
def zombies():
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield ") Z 1 " in open(f"/proc/{name}/stat").read()
        except OSError:
            pass
while any(zombies()):
    pass
print("reaped")
"""


def test_programs_find_signals_threads_and_children_as_always(anybodys: Box) -> None:
    state = anybodys.launch(PYTHON, "-u", "-c", SIGNALS).end()
    assert state.exit_code == 0, anybodys.text
    assert anybodys.lines == ["True True", "thread", "child", "3", "3", "reaped"]


def needs(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


def test_gdb_looks_into_a_process_of_the_job(anybodys: Box) -> None:
    needs("gdb")
    anybodys.shell(
        "sleep 1000 & gdb -nx -batch -p $! -ex 'info registers rip pc' -ex detach 2>&1 | grep -c ^pc; "
        "gdb -nx -batch -ex run -ex 'info inferiors' --args /bin/true 2>&1 | grep 'exited normally'; kill $!"
    ).end()
    assert anybodys.lines[0] == "1"
    assert "exited normally" in anybodys.lines[1]


def test_strace_follows_a_process_of_the_job(anybodys: Box) -> None:
    needs("strace")
    anybodys.shell("strace -f -e trace=execve sh -c 'true; /bin/true' 2>&1 | grep -c execve").end()
    assert int(anybodys.lines[0]) >= 2


def test_a_debugger_cannot_attach_to_pid_1(anybodys: Box) -> None:
    needs("gdb")
    anybodys.shell("gdb -nx -batch -p 1 2>&1 | grep -o 'not permitted' | head -1").end()
    assert anybodys.lines == ["not permitted"]


def test_py_spy_dumps_the_stack_of_a_process_of_the_job(isolated: Box) -> None:
    program = Path(sys.executable).parent / "py-spy"
    if not program.exists():
        pytest.skip("py-spy is not installed")
    script = "def waits_here():\n    print('up', flush=True)\n    time.sleep(1000)\nimport time\nwaits_here()"
    isolated.shell(f'python -c "{script}" & sleep 1; {program} dump --pid $!; kill $!').end()
    assert "waits_here" in isolated.text


DEBUGPY = """
import debugpy, socket
host, port = debugpy.listen(("127.0.0.1", 0))
with socket.create_connection((host, port), timeout=20):
    print("listens")
"""


def test_debugpy_listens(isolated: Box) -> None:
    pytest.importorskip("debugpy")
    isolated.python(DEBUGPY, env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"}).end()
    assert "listens" in isolated.lines, isolated.text


NODE = """
const { Worker } = require('worker_threads'); const { execSync } = require('child_process'); const fs = require('fs');
fs.writeFileSync('/tmp/x', 'file');
fs.promises.readFile('/tmp/x').then((text) => {
  new Worker('require("worker_threads").parentPort.postMessage("worker")', { eval: true }).on('message', (said) => {
    console.log(String(text), execSync('echo child').toString().trim(), said); process.exit(0);
  });
});
"""


def test_node_works(anybodys: Box) -> None:
    if not Path("/usr/bin/node").exists():
        pytest.skip("needs a Node that every user may run")
    anybodys.launch("/usr/bin/node", "-e", NODE).end()
    assert anybodys.lines == ["file child worker"]


def test_chromium_works_without_its_own_sandbox(anybodys: Box) -> None:
    if not Path("/usr/bin/chromium").exists():
        pytest.skip("chromium is not installed")
    options = "--headless --no-sandbox --disable-gpu --user-data-dir=/tmp/chromium"
    page = "data:text/html,<p id=p></p><script>p.textContent=6*7</script>"
    anybodys.shell(f"/usr/bin/chromium {options} --dump-dom '{page}' 2>/dev/null", shm_bytes=1 << 28).end()
    assert '<p id="p">42</p>' in anybodys.text
