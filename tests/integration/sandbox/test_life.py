"""From launch to removal: what ends how, and that nothing ever runs twice or stays behind."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import outrider_sandbox as sandbox
from outrider_sandbox import files
from outrider_sandbox.spec import encode

from .conftest import Box, processes_with, until


def test_a_command_runs_and_its_end_is_recorded(box: Box) -> None:
    assert box.state.phase == "absent"
    began = time.time()
    state = box.shell("echo hello; echo bad >&2; exit 3").end()
    assert (state.phase, state.exit_code, state.signal, state.reason) == ("exited", 3, None, "exited")
    assert state.message == "Ended with exit code 3."
    assert box.lines == ["hello", "bad"]
    assert state.created_at and state.started_at and state.finished_at
    assert began - 1 < state.created_at <= state.started_at <= state.finished_at <= time.time() + 1
    box.nothing_left()


def test_success_needs_no_words(box: Box) -> None:
    state = box.shell("true").end()
    assert (state.exit_code, state.reason, state.message) == (0, "exited", None)


def test_a_signal_that_ended_it_is_named(box: Box) -> None:
    state = box.shell("kill -SEGV $$").end()
    assert (state.exit_code, state.signal) == (139, signal.SIGSEGV)
    assert "SIGSEGV" in (state.message or "")


def test_a_command_that_is_not_there_says_so(box: Box) -> None:
    state = box.launch("no-such-command").end()
    assert state.exit_code in (None, 127)
    assert "no-such-command" in box.text


def test_the_environment_is_the_given_one_and_no_descriptor_leaks(box: Box) -> None:
    # No pipes: the shell would hold their ends for a moment itself.
    box.shell("ls /proc/$$/fd; env", env={"A": "1"}).end()
    descriptors = {line for line in box.lines if line.isdigit()}
    names = {line.partition("=")[0] for line in box.lines if "=" in line}
    assert "HOME" not in names
    assert {"A", "MARK", "PATH"} <= names
    assert descriptors and descriptors <= {"0", "1", "2", "10"}


def test_a_second_launch_changes_nothing(box: Box) -> None:
    box.shell("echo once; sleep 0.3").says("once")
    sandbox.launch(box.folder, box.spec("echo", "twice"))
    box.end()
    sandbox.launch(box.folder, box.spec("echo", "twice"))
    time.sleep(0.1)
    assert box.lines == ["once"]
    assert box.state.phase == "exited"


def _launch(folder: Path, spec: sandbox.Spec, start: float) -> None:
    time.sleep(max(0.0, start - time.time()))
    sandbox.launch(folder, spec)


def test_many_launches_at_once_run_it_once(box: Box) -> None:
    spec, start = box.spec("sh", "-c", "echo once; sleep 0.2"), time.time() + 0.5
    racers = [multiprocessing.Process(target=_launch, args=(box.folder, spec, start)) for _ in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join(30)
        assert racer.exitcode == 0
    box.end()
    assert box.lines == ["once"]


def test_looking_does_not_get_in_the_way_of_launching(box: Box) -> None:
    looker = multiprocessing.Process(target=_look_for_ever, args=(box.folder,))
    looker.start()
    try:
        for i in range(5):
            folder = box.folder / str(i)
            folder.mkdir()
            one = Box(folder, box.isolation)
            link = box.folder / "current"
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
            assert one.shell("true").end().exit_code == 0
    finally:
        looker.kill()
        looker.join()


def _look_for_ever(folder: Path) -> None:
    while True:
        sandbox.state(folder / "current")


@pytest.mark.parametrize("spec", [None, b"", b"{}"])
def test_a_launch_killed_before_its_supervisor_took_over_can_be_repeated(box: Box, spec: bytes | None) -> None:
    (box.folder / files.LOCK).touch()
    if spec is not None:
        (box.folder / files.SPEC).write_bytes(spec)
    assert box.state.phase == "absent"
    box.shell("echo ran").end()
    assert box.lines == ["ran"]


def test_a_launch_that_got_as_far_as_its_word_keeps_it(box: Box) -> None:
    files.write_atomically(box.folder / files.SPEC, encode(box.spec("echo", "first")))
    box.launch("echo", "second").end()
    assert box.lines == ["first"]


def test_a_sandbox_that_cannot_be_made_says_why(isolated: Box) -> None:
    state = isolated.shell("echo ran", mounts=[sandbox.Mount("/no/such/directory", "/x")]).end()
    assert (state.reason, state.exit_code) == ("error", None)
    assert "/no/such/directory" in (state.message or "")
    isolated.nothing_left()


def test_the_caller_may_die_at_once(box: Box) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            box.shell("sleep 0.3; echo went on")
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert box.end().exit_code == 0
    assert box.lines == ["went on"]


def test_a_killed_supervisor_takes_everything_with_it_and_is_not_replaced(box: Box) -> None:
    box.shell("(setsid sleep 1000 &) ; (sleep 1000 &) ; echo up; sleep 1000", ports=[8080]).says("up")
    pid = box.state.pid
    assert pid
    os.kill(pid, signal.SIGKILL)
    state = box.end()
    assert (state.phase, state.reason) == ("lost", "error")
    box.nothing_left()
    sandbox.launch(box.folder, box.spec("echo", "again"))
    time.sleep(0.2)
    assert box.lines == ["up"]
    assert box.state.phase == "lost"
    sandbox.remove(box.folder)
    assert not box.folder.exists()


@pytest.mark.parametrize("delay_ms", range(0, 120, 8))
def test_a_supervisor_killed_at_any_moment_of_the_start_leaves_nothing(box: Box, delay_ms: int) -> None:
    box.shell(f"sleep 1000; : {box.mark}", memory_bytes=1 << 28, ports=[8080])
    time.sleep(delay_ms / 1000)
    for pid in processes_with(str(box.folder)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)  # the supervisor, whether it has written down its pid or not
    until(lambda: box.state.phase in ("lost", "absent"))
    time.sleep(0.05)  # a removal is nothing that follows at once
    sandbox.remove(box.folder)
    box.nothing_left()


def test_a_restart_of_the_machine_is_told_from_other_losses(box: Box) -> None:
    box.shell("echo up; sleep 1000").says("up")
    os.kill(box.state.pid or 0, signal.SIGKILL)
    box.end()
    box.nothing_left()
    status = json.loads((box.folder / files.STATUS).read_text())
    (box.folder / files.STATUS).write_text(json.dumps({**status, "boot_id": "another"}))
    assert (box.state.phase, box.state.reason) == ("lost", "node_lost")
    assert "restarted" in (box.state.message or "")
    (box.folder / files.STATUS).write_text("")  # as a power failure may leave it
    assert (box.state.phase, box.state.reason) == ("lost", "node_lost")


def test_a_shutdown_of_the_machine_is_no_failure_of_the_job(box: Box) -> None:
    box.shell("echo up; sleep 1000").says("up")
    os.kill(box.state.pid or 0, signal.SIGTERM)
    assert box.end().reason == "node_lost"
    box.nothing_left()


def test_removal_is_for_what_has_ended(box: Box) -> None:
    box.shell("echo up; sleep 1000").says("up")
    with pytest.raises(sandbox.StillRunning):
        sandbox.remove(box.folder)
    sandbox.request_stop(box.folder, 0)
    box.end()
    sandbox.remove(box.folder)
    assert box.state.phase == "absent"
    sandbox.remove(box.folder)


def test_what_a_job_left_can_be_removed_however_nasty(tmp_path: Path) -> None:
    subprocess.run(
        ["sh", "-c", "mkdir a; cd a; for i in $(seq 1500); do mkdir d; cd d; done; touch x; chmod 0 ."],
        cwd=tmp_path,
        check=True,
    )
    (tmp_path / "outside").write_text("stays")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "outside")
    (tmp_path / "a" / "d").chmod(0)
    sandbox.remove_tree(tmp_path / "a")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_children_left_behind_do_not_outlive_the_command_nor_delay_its_end(box: Box) -> None:
    stubborn = "setsid sh -c 'trap \"\" TERM HUP; sleep 1000; sleep 1000'"
    script = f"for i in 1 2 3 4 5; do ({stubborn} &) ; done; echo done"
    state = box.shell(script).end()
    assert state.exit_code == 0
    assert box.lines == ["done"]
    box.nothing_left()


def test_a_command_that_forks_faster_than_it_is_killed_ends_as_well(box: Box) -> None:
    script = """
import os, time
print("up")
while True:
    if os.fork() == 0:
        os.setsid()
        time.sleep(0.002)
        if os.fork():
            os._exit(0)
        time.sleep(1000)
    time.sleep(0.002)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]: pass
    except ChildProcessError: pass
"""
    box.python(script).says("up")
    sandbox.request_stop(box.folder, 0.1)
    assert box.end().reason == "stopped"
    box.nothing_left()


def test_changes_are_told_by_datagrams(box: Box) -> None:
    import socket

    address = box.folder / ("deep" * 20) / "notify"
    address.parent.mkdir()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, sandbox.short_path(address) as path:
        listener.bind(path)
        listener.settimeout(20)
        box.shell("echo hello", notify=str(address))
        told = set()  # type: ignore[var-annotated]
        while told != {b"state job-1", b"log job-1"}:
            told.add(listener.recv(100))
        box.end()


def test_nobody_listening_to_datagrams_does_no_harm(box: Box) -> None:
    assert box.shell("echo hello", notify=str(box.folder / "gone" / "notify")).end().exit_code == 0


def test_a_directory_inside_of_what_sandboxes_see_is_refused() -> None:
    with pytest.raises(ValueError, match="/usr"):
        sandbox.launch("/usr/lib", sandbox.Spec(id="x", argv=["true"]))


def test_supervisors_are_nobody_s_children_and_hold_nothing_of_their_caller(box: Box) -> None:
    box.shell("echo up; sleep 1000").says("up")
    pid = box.state.pid
    status = Path(f"/proc/{pid}/status").read_text()
    assert f"PPid:\t{os.getpid()}\n" not in status
    opened = {str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()}
    ours = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.exists()}
    assert {path for path in opened & ours if path.startswith(("/", "socket", "pipe"))} <= {"/dev/null"}
    assert sys.executable
    assert pid in processes_with(str(box.folder))
    until(lambda: box.state.phase == "running")
