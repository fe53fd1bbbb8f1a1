"""The runner around a command: its output, its signals, its end, and what is reported about it."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pynvml
import pytest

from .conftest import BOOT, Run, until


def test_a_command_is_run_and_its_end_reported(job: Run) -> None:
    assert job.run(command="echo hello; pwd; exit 3") == 3
    assert job.printed == f"hello\n{job.workspace}\n".encode()
    kinds = [record["type"] for record in job.records]
    assert kinds[0] == "started"
    assert kinds[-2:] == ["system", "exited"]
    assert job.record("exited") == {"type": "exited", "code": 3, "signal": None}


def test_arguments_are_passed_as_they_are(job: Run) -> None:
    assert job.run(args=["printf", "%s|", "a b", "$HOME", "*", ""]) == 0
    assert job.printed == b"a b|$HOME|*||\n"


def test_a_signal_ends_it_as_shells_say(job: Run) -> None:
    assert job.run(args=["sh", "-c", "kill -KILL $$"]) == 137
    assert job.record("exited") == {"type": "exited", "code": 137, "signal": 9}


def test_what_cannot_be_run_says_why(job: Run) -> None:
    (job.workspace / "plain.txt").write_text("no program")
    assert job.run(args=["no-such-program"]) == 127
    assert b"[outrider] no-such-program: command not found" in job.printed
    assert job.run(args=["./plain.txt"]) == 126
    assert b"Permission denied" in job.printed
    assert job.run(args=["true"], workspace_dir=str(job.folder / "gone" / "x")) == 126
    assert b"is not there" in job.printed


def test_stdout_and_stderr_come_in_their_order(job: Run) -> None:
    job.run(command="for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    assert job.printed == b"out 1\nerr 1\nout 2\nerr 2\nout 3\nerr 3\n"


def test_lines_come_at_once_also_from_python(job: Run) -> None:
    job.start(args=[sys.executable, "-c", "import time; print('now'); time.sleep(1000)"])
    job.says(b"now")


def test_a_job_may_choose_buffering_itself(job: Run) -> None:
    job.run(command='echo "[$PYTHONUNBUFFERED]"', env={"PYTHONUNBUFFERED": ""})
    assert job.printed == b"[]\n"


def test_a_lot_arrives_whole(job: Run) -> None:
    script = "import sys\nfor i in range(400_000): sys.stdout.write(f'line {i} of many\\n')"
    assert job.run(args=[sys.executable, "-c", script], env={"PYTHONUNBUFFERED": ""}) == 0
    wanted = "".join(f"line {i} of many\n" for i in range(400_000)).encode()
    assert hashlib.sha256(job.printed).digest() == hashlib.sha256(wanted).digest()


def test_ten_megabytes_without_newline_and_odd_bytes(job: Run) -> None:
    script = "import os; os.write(1, b'\\xff\\xfe\\n' + b'x' * 10_000_000 + b'\\nend\\x00')"
    assert job.run(args=[sys.executable, "-c", script]) == 0
    lines = job.printed.split(b"\n")
    assert lines[0] == b"\xff\xfe"
    assert lines[-2] == b"end\0"
    assert b"".join(lines[1:-2]) == b"x" * 10_000_000
    assert max(map(len, lines)) <= 1 << 20


def test_a_command_cannot_speak_for_the_runner(job: Run) -> None:
    job.run(command=r"""printf '\036{"type":"exited","code":0,"signal":null}\n'; exit 4""")
    assert job.record("exited")["code"] == 4
    assert b'\x1e\x1e{"type":"exited"' in job.printed


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_reach_the_command(job: Run, signum: int) -> None:
    name = signal.Signals(signum).name.removeprefix("SIG")
    job.start(command=f"trap 'echo got {name}; exit 9' {name}; echo up; while :; do sleep 0.05; done").says(b"up")
    job.signal(signum)
    assert job.end() == 9
    assert f"got {name}".encode() in job.printed


def test_signals_reach_grandchildren(job: Run) -> None:
    inner = "sh -c 'trap \"echo inner\" TERM; echo up; while :; do sleep 0.05; done'"
    job.start(command=f"trap : TERM; {inner}; exit 5").says(b"up")
    job.signal(signal.SIGTERM)
    job.says(b"inner")


def test_one_that_ignores_the_end_is_killed_before_the_grace_is_over(job: Run) -> None:
    job.start(command="trap '' TERM; echo up; while :; do sleep 0.05; done", grace_s=1).says(b"up")
    job.signal(signal.SIGTERM)
    assert job.end() == 137
    assert job.record("exited")["signal"] == 9


def _state(pid: int) -> str:
    """The letter of proc(5); X for a process that has been waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def test_a_signal_gets_through_while_nobody_reads_the_output(job: Run, tmp_path: Path) -> None:
    told = {"command": "yes", "workspace_dir": str(job.workspace), "grace_s": 5}
    (tmp_path / "run.json").write_text(json.dumps(told))
    words = [sys.executable, "-I", "-S", "-c", BOOT, "--spec", str(tmp_path / "run.json")]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        pid = int(until(lambda: children.read_text().split() and children.read_text().split()[0]))
        until(lambda: Path(f"/proc/{pid}/wchan").read_text() and _state(pid) == "S")
        process.send_signal(signal.SIGTERM)
        until(lambda: _state(pid) in ("Z", "X"), "the command's end")
        assert process.stdout is not None
        process.stdout.read()
        assert process.wait(30) == 143


def test_background_children_do_not_delay_the_end(job: Run) -> None:
    job.start(command="(sleep 1000 &) ; (setsid sleep 1000 &) ; echo done")
    assert job.end() == 0
    assert job.printed == b"done\n"


def test_the_system_is_sampled(job: Run, tmp_path: Path) -> None:
    job.start(command="while :; do :; done", sample_s=0.3, memory_bytes=1 << 30)
    until(lambda: len([r for r in job.records if r["type"] == "system"]) >= 3)
    job.signal(signal.SIGTERM)
    job.end()
    samples = [record for record in job.records if record["type"] == "system"]
    assert any(sample["cpu"] > 5 for sample in samples)
    assert all(0 < sample["memory"] < 1 << 40 for sample in samples)
    assert {sample["memory_limit"] for sample in samples} == {1 << 30}
    assert all(sample["gpus"] == [] for sample in samples) or Path("/dev/nvidiactl").exists()


def test_gpus_are_sampled_where_there_are_some(job: Run, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("building the stand-in for NVIDIA's library needs a C compiler")
    source = Path(__file__).parents[2] / "fake_nvml" / "nvml.c"
    library = tmp_path / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True, timeout=120)
    env = {"LD_LIBRARY_PATH": str(tmp_path)}
    assert job.run(env, command="sleep 0.2", pynvml_path=str(Path(pynvml.__file__).parent)) == 0
    last = [record for record in job.records if record["type"] == "system"][-1]
    assert [gpu["uuid"] for gpu in last["gpus"]] == ["GPU-fake-0", "GPU-fake-1"]


def test_a_specification_that_is_none_is_the_platform_s_fault(job: Run) -> None:
    job.start(command="true")
    job.end()
    (job.folder / "run.json").write_text("{")
    words = [sys.executable, "-I", "-S", "-c", BOOT, "--spec", str(job.folder / "run.json")]
    assert subprocess.run(words, capture_output=True, timeout=60).returncode == 125


def oldest_pythons() -> list[str]:
    candidates = [shutil.which(f"python3.{minor}") for minor in (8, 9)]
    candidates += [str(path) for path in Path.home().glob(".pyenv/versions/3.[89].*/bin/python")]
    return [path for path in candidates if path and _works(path)]


def _works(python: str) -> bool:
    return subprocess.run([python, "-c", ""], capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("python", oldest_pythons() or [None])
def test_an_old_python_in_the_image_is_enough(tmp_path: Path, python: str | None) -> None:
    if python is None:
        pytest.skip("no Python 3.8 or 3.9 on this machine")
    job = Run(tmp_path, python)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        info = zipfile.ZipInfo("run.sh")
        info.external_attr = (stat.S_IFREG | 0o755) << 16
        file.writestr(info, "#!/bin/sh\necho ran\n")
    workspace = {"type": "snapshot", "archive": str(tmp_path / "a.zip")}
    assert job.run(args=["./run.sh"], workspace=workspace) == 0, job.raw
    assert job.printed == b"ran\n"
    assert job.record("workspace") == {"type": "workspace", "commit": None, "files": 1, "bytes": 19}
