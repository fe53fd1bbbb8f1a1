"""What a sandbox cannot see or do, and that two of them know nothing of each other."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import outrider_sandbox as sandbox

from .conftest import CAN, Box


def test_only_what_was_given_is_visible(isolated: Box, tmp_path_factory: pytest.TempPathFactory) -> None:
    mine, others = tmp_path_factory.mktemp("mine"), tmp_path_factory.mktemp("others")
    (mine / "x").write_text("mine")
    (others / "x").write_text("theirs")
    isolated.shell(
        f"cat /storage/x; echo; cat {others}/x /proc/1/root{others}/x; ls {isolated.folder} /home /var /mnt; "
        "ls /srv /run; echo new > /storage/y; echo no > /data/y; echo end",
        mounts=[sandbox.Mount(str(mine), "/storage", read_only=False), sandbox.Mount(str(mine), "/data")],
    ).end()
    assert "mine" in isolated.lines
    assert "theirs" not in isolated.text
    assert "spec.json" not in isolated.text
    assert (mine / "y").read_text() == "new\n"


def test_the_system_is_read_only_and_secrets_of_etc_are_not_there(isolated: Box) -> None:
    isolated.shell(
        "for f in /usr/x /x /etc/x /dev/x /sys/x; do touch $f 2>/dev/null && echo wrote $f; done; "
        "cat /etc/shadow 2>/dev/null && echo read; ls /etc | tr '\\n' ' '"
    ).end()
    assert "wrote" not in isolated.text
    assert "read" not in isolated.lines
    assert "sudoers" not in isolated.text


@pytest.fixture
def private_keys() -> Iterator[str]:
    """Where Debian and Fedora keep them; a key of this test's own where this user may put one."""
    key = Path("/etc/ssl/private/outrider-test.key")
    ours = os.access(key.parent, os.W_OK)
    if ours:
        key.write_text("a private key")
    yield "/etc/ssl/private /etc/pki/tls/private /etc/pki/nssdb /etc/letsencrypt"
    if ours:
        key.unlink()


def test_private_keys_of_the_host_are_not_there_and_certificates_are(anybodys: Box, private_keys: str) -> None:
    anybodys.shell(
        f"ls -d {private_keys} 2>/dev/null; find /etc -name '*.key'; "
        f"python3 -c 'import ssl; print(len(ssl.create_default_context().get_ca_certs()) > 0)'"
    ).end()
    assert anybodys.lines == [str(len(ssl.create_default_context().get_ca_certs()) > 0)]


def test_the_kernel_s_settings_are_out_of_reach_even_for_root_outside(isolated: Box) -> None:
    """Root's files in /proc belong to root, with capabilities or without."""
    before = Path("/proc/sys/kernel/core_pattern").read_text()
    isolated.shell(
        "for f in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/vm/drop_caches; do "
        "  (echo h > $f) 2>/dev/null && echo wrote $f; done; "
        "(unshare -Urmpf sh -c 'mount -t proc a /proc; "
        "echo h > /proc/sys/kernel/core_pattern' && echo wrote; "
        "mount -o remount,rw /proc/sys && echo wrote; umount /proc/sys && echo wrote) 2>/dev/null; echo end"
    ).end()
    assert isolated.lines == ["end"]
    assert Path("/proc/sys/kernel/core_pattern").read_text() == before


def test_it_is_an_ordinary_user_with_a_home_and_no_powers(isolated: Box) -> None:
    isolated.shell(
        "id -u; id -un; grep -E 'CapEff|NoNewPrivs' /proc/self/status | cut -f2; "
        "umask; echo x > ~/f && cat ~/f; hostname",
        env={"HOME": "/home/user"},
    ).end()
    assert isolated.lines == ["1000", "user", "0000000000000000", "1", "0022", "x", "job-1"]


def test_processes_of_the_host_are_invisible(isolated: Box) -> None:
    reach = f"kill -0 {os.getpid()} 2>/dev/null && echo reached"
    isolated.shell(f"ls /proc | grep -c '^[0-9]'; {reach}; echo end").end()
    assert int(isolated.lines[0]) < 8
    assert isolated.lines[1:] == ["end"]


def test_shared_memory_has_the_given_size(isolated: Box) -> None:
    isolated.shell("df -k --output=size /dev/shm | tail -1", shm_bytes=8 << 20).end()
    assert int(isolated.text) == 8 << 10


def test_the_environment_does_not_reach_what_runs_outside(isolated: Box, tmp_path: Path) -> None:
    """LD_PRELOAD of a job must not be loaded into bwrap, which runs outside."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("building a library to preload needs a C compiler")
    source, library, proof = tmp_path / "evil.c", tmp_path / "evil.so", tmp_path / "proof"
    code = f'open("{proof}", O_CREAT | O_WRONLY, 0600);'
    source.write_text(f"#include <fcntl.h>\n__attribute__((constructor)) void f(void) {{ {code} }}")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=120)
    isolated.shell("echo ran", env={"LD_PRELOAD": str(library)}).end()
    assert "ran" in isolated.lines
    assert not proof.exists()


def test_secrets_are_on_no_command_line(isolated: Box) -> None:
    isolated.shell("echo up; sleep 1000", env={"TOKEN": "s3cr3t"}).says("up")
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                assert b"s3cr3t" not in (entry / "cmdline").read_bytes()
            except (FileNotFoundError, ProcessLookupError):
                continue
    assert (isolated.folder / "spec.json").stat().st_mode & 0o077 == 0


def test_devices_are_the_harmless_ones_and_the_given_ones(isolated: Box) -> None:
    isolated.shell("ls /dev | tr '\\n' ' '; echo", gpu_devices=["/dev/fuse", "/dev/no-such-gpu"]).end()
    shown = set(isolated.lines[0].split())
    harmless = {"core", "fd", "full", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout"}
    harmless |= {"tty", "urandom", "zero"}
    assert shown - harmless <= {"fuse"}
    assert ("fuse" in shown) == Path("/dev/fuse").exists()


network = pytest.mark.skipif(CAN.network != "full", reason=" ".join(CAN.notes))

TRY = """
import socket, sys
for host, port in [("127.0.0.1", PORT), ("10.0.2.2", PORT), ("localhost", PORT)]:
    try:
        socket.create_connection((host, port), timeout=3)
        print("reached", host)
    except OSError as error:
        pass
print("end")
"""


@pytest.mark.parametrize("connected", [False, pytest.param(True, marks=network)])
def test_the_host_s_loopback_is_out_of_reach(isolated: Box, connected: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        isolated.python(TRY.replace("PORT", str(port)), network="full" if connected else "none").end()
    assert isolated.lines == ["end"]


@network
def test_the_outside_is_in_reach(isolated: Box) -> None:
    """A server on another address of this machine stands for the rest of the world."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback's")
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        script = f"s = socket.create_connection(({address!r}, {port}), timeout=20); print(s.recv(9))"
        isolated.python(f"import socket; {script}", network="full")
        connection, _ = server.accept()
        with connection:
            connection.sendall(b"hello")
        assert isolated.end().exit_code == 0
    assert isolated.text == "b'hello'"


@network
def test_closed_networks_are_out_of_reach(isolated: Box) -> None:
    """Were they open, the attempt would wait for an answer of the world's, or reach this machine's address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but the loopback's")
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        tries = [(address, server.getsockname()[1]), ("169.254.169.254", 80)]
        script = f"""
import errno, socket
for place in {tries!r}:
    try:
        print(socket.create_connection(place, timeout=20))
    except OSError as error:
        print(errno.errorcode.get(error.errno, error))
"""
        isolated.python(script, network="full", closed_networks=[f"{address}/32", "169.254.0.0/16"]).end()
    assert isolated.lines == ["EHOSTUNREACH", "EHOSTUNREACH"]


def test_abstract_sockets_of_the_host_are_out_of_reach(isolated: Box) -> None:
    name = f"\0outrider-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        script = f"import socket; socket.socket(socket.AF_UNIX).connect({name!r}); print('reached')"
        isolated.python(script).end()
    assert "reached" not in isolated.text


def test_it_works_for_an_ordinary_user_too(tmp_path: Path) -> None:
    """The whole way, as nobody, when these tests run as root."""
    python = "/usr/bin/python3"
    if os.getuid() != 0:
        pytest.skip("these tests run as an ordinary user already")
    if not CAN.bubblewrap or not Path(python).exists() or sys.version_info[:2] < (3, 11):
        pytest.skip("needs bubblewrap and a Python that every user may run")
    home = Path("/tmp") / f"outrider-test-{os.getpid()}-{tmp_path.name}"
    code = Path(sandbox.__file__).parent
    shutil.copytree(code, home / "code" / "outrider_sandbox")
    (home / "run").mkdir()
    for path in [home, *home.rglob("*")]:
        os.chown(path, 65534, 65534)
    script = f"""
import sys, time
sys.path.insert(0, {str(home / "code")!r})
import outrider_sandbox as s
can = s.usable()
spec = s.Spec(id="x", argv=["sh", "-c", "id -u; exit 4"], network=can.network, memory_bytes=1<<28,
    env={{"PATH": "/usr/bin:/bin"}}, ports=[8080])
s.launch({str(home / "run")!r}, spec)
for _ in range(3000):
    state = s.state({str(home / "run")!r})
    if state.ended: break
    time.sleep(0.01)
print(can.bubblewrap, state.phase, state.exit_code, state.message)
"""
    try:
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            cwd="/",
        )
        assert done.stdout == "True exited 4 Ended with exit code 4.\n", done
        assert (home / "run" / "log").read_text().endswith(" 1000\n")
    finally:
        shutil.rmtree(home)


@network
def test_many_at_once_all_get_their_network(tmp_path: Path) -> None:
    """bwrap and the network helper work on the same namespace: in turn."""
    boxes = []
    for i in range(20):
        (tmp_path / str(i)).mkdir()
        boxes.append(Box(tmp_path / str(i), "bubblewrap").shell("cat /proc/net/route | grep -c tap0", network="full"))
    assert [(box.end().exit_code, box.lines) for box in boxes] == [(0, ["2"])] * 20
