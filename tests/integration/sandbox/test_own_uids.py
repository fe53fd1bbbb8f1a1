"""Sandboxes of root's platform that run as users of their own: what is theirs, what is root's, and who sees what."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import outrider_sandbox as sandbox
from outrider_sandbox import staging

from .conftest import Box, until

ALICE, BOB = 2_000_000_001, 2_000_000_002
ALLOWED = range(ALICE, BOB + 1)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give sandboxes other uids")


@pytest.fixture(scope="module", autouse=True)
def possible(tmp_path_factory: pytest.TempPathFactory) -> None:
    found = sandbox.usable(ALLOWED, tmp_path_factory.mktemp("state"))
    if not found.uids:
        pytest.skip(" ".join(found.notes))


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory below one that only root may enter."""
    path = tmp_path / "state" / "shared"
    path.mkdir(parents=True)
    (tmp_path / "state").chmod(0o700)
    path.chmod(0o700)
    (path / "of the service").write_text("from outside")
    (path / "of the service").chmod(0o600)
    return path


def uids_of(pid: int) -> set[int]:
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("Uid:")]
    return {int(word) for word in line.split()[1:]}


def test_its_processes_are_the_user_s_and_files_stay_root_s(isolated: Box, shared: Path) -> None:
    mounts = [sandbox.Mount(str(shared), "/storage", read_only=False)]
    isolated.shell(
        "id -u; stat -c '%U %a' /storage /storage/*; cat '/storage/of the service'; echo; echo mine > /storage/new; "
        "mkdir -m 700 /storage/folder && echo deep > /storage/folder/file && chmod 600 /storage/folder/file; "
        "echo up; sleep 1000",
        uid=ALICE,
        mounts=mounts,
    ).says("up")
    assert isolated.lines == ["1000", "user 700", "user 600", "from outside", "up"]
    pid = isolated.state.child_pid or 0
    children = until(lambda: sandbox.processes.descendants(pid))
    assert all(uids_of(process) == {ALICE} for process in [pid, *children])
    supervisor = isolated.state.pid or 0
    assert uids_of(supervisor) == {0}
    left = [shared / name for name in ("new", "folder", "folder/file")]
    assert [path.stat().st_uid for path in left] == [0, 0, 0]
    assert [path.stat().st_gid for path in left] == [0, 0, 0]
    assert (shared / "folder" / "file").read_text() == "deep\n"


def test_two_users_share_what_was_given_to_both(isolated: Box, second: Box, shared: Path) -> None:
    mounts = [sandbox.Mount(str(shared), "/teams/a", read_only=False)]
    isolated.shell("mkdir -m 755 /teams/a/d; echo alice > /teams/a/d/f", uid=ALICE, mounts=mounts).end()
    second.shell("cat /teams/a/d/f; echo bob >> /teams/a/d/f; rm '/teams/a/of the service'", uid=BOB, mounts=mounts)
    assert second.end().exit_code == 0, second.text
    assert second.lines == ["alice"]
    assert (shared / "d" / "f").read_text() == "alice\nbob\n"


@pytest.fixture
def key() -> Iterator[Path]:
    """A key that somebody left among the certificates."""
    path = Path("/etc/ssl/certs/outrider-test.key")
    if not path.parent.is_dir():
        pytest.skip("no certificates here")
    path.write_text("a private key")
    path.chmod(0o600)
    yield path
    path.unlink()


def test_what_only_root_may_read_on_the_host_cannot_be_read(isolated: Box, key: Path) -> None:
    isolated.shell(f"cat {key}; echo end", uid=ALICE).end()
    assert "a private key" not in isolated.text
    assert isolated.lines[-1] == "end"


def test_a_path_of_the_host_would_be_shut_even_outside(isolated: Box, shared: Path) -> None:
    """Were the mount namespace no bound: the same uid, on the host, is nobody."""
    done = subprocess.run(
        ["setpriv", f"--reuid={ALICE}", f"--regid={ALICE}", "--clear-groups", "ls", str(shared)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Permission denied" in done.stderr


@pytest.mark.parametrize("disable", [False, True])
def test_everything_around_it_works(isolated: Box, shared: Path, disable: bool) -> None:
    can = sandbox.usable()
    if disable and not can.disable_userns:
        pytest.skip("bwrap cannot forbid user namespaces here")
    state = isolated.python(
        "import os, pathlib, resource; print(os.getuid()); print(len(os.listdir('/sys/fs/cgroup')) > 0)"
        if can.memory != "sampling"
        else "import os; print(os.getuid()); print(True)",
        uid=ALICE,
        memory_bytes=1 << 28,
        network=can.network,
        ports=[8080],
        disable_userns=disable,
    ).end()
    assert (state.exit_code, isolated.lines) == (0, ["1000", "True"])
    isolated.nothing_left()


def test_standard_output_can_be_opened_by_its_name(isolated: Box) -> None:
    isolated.shell("echo out > /dev/stdout; echo error > /dev/stderr", uid=ALICE).end()
    assert isolated.lines == ["out", "error"]


def test_it_ends_with_its_supervisor(isolated: Box) -> None:
    isolated.shell("echo up; sleep 1000", uid=ALICE).says("up")
    os.kill(isolated.state.pid or 0, 9)
    isolated.nothing_left()
    assert isolated.state.phase == "lost"


def test_where_a_file_system_refuses_a_directory_to_be_written(isolated: Box) -> None:
    state = isolated.shell("true", uid=ALICE, mounts=[sandbox.Mount("/sys/kernel", "/x", read_only=False)]).end()
    assert state.reason == "error"
    assert "/sys/kernel: its file system has no idmapped mounts" in (state.message or "")


def test_where_a_file_system_refuses_what_is_only_read(isolated: Box) -> None:
    isolated.shell("ls -d /x/mm", uid=ALICE, mounts=[sandbox.Mount("/sys/kernel", "/x")]).end()
    assert isolated.lines == ["/x/mm"]


def test_a_kernel_that_is_too_old_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_MOUNT_SETATTR", 4000)
    found = sandbox.usable(ALLOWED, tmp_path)
    assert found.bubblewrap and not found.uids
    [note] = [note for note in found.notes if "uids of their own" in note]
    assert "idmapped mounts" in note and "ordinary user" in note


def test_an_ordinary_user_is_told_nothing_of_it() -> None:
    folder = Path(tempfile.mkdtemp())
    script = "import outrider_sandbox as s, pathlib, os; os.seteuid(65534); " + (
        f"c = s.usable(range(3000, 3001), pathlib.Path({str(folder)!r})); print(c.uids, 'uids' in ' '.join(c.notes))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=200, check=True)
    folder.rmdir()
    assert done.stdout == "False False\n"
