"""The command: what people and scripts see of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from outrider.cli import cli
from tests.unit.client.command import outrider, submitted
from tests.unit.client.platform import Platform, points

pytestmark = pytest.mark.usefixtures("project")


class TestRun:
    def test_the_log_on_stdout_all_else_on_stderr(self, logged_in: Platform) -> None:
        logged_in.lines = ["one", "two \x1b[31mred\x1b[0m [bold]"]
        run = outrider("run", "--", "python", "train.py", "--epochs", "3")
        assert run.exit_code == 0, run.output
        assert run.stdout == "one\ntwo \x1b[31mred\x1b[0m [bold]\n"
        assert "Workspace: 1 file, 8 B" in run.stderr
        assert "j000000000000" in run.stderr
        assert f"{logged_in.url}/services/outrider/jobs/j000000000000" in run.stderr
        assert "· queued" in run.stderr
        assert "succeeded" in run.stderr
        assert "\x1b" not in run.stderr
        assert submitted(logged_in)["args"] == ["python", "train.py", "--epochs", "3"]

    @pytest.mark.parametrize(
        ("outcome", "code"),
        [
            ({"status": "succeeded", "reason": "exited", "exit_code": 0}, 0),
            ({"status": "failed", "reason": "exited", "exit_code": 7}, 7),
            ({"status": "failed", "reason": "out_of_memory", "exit_code": 137}, 137),
            ({"status": "failed", "reason": "exited", "exit_code": -15}, 143),
            ({"status": "failed", "reason": "image_pull_failed", "exit_code": None}, 125),
            ({"status": "failed", "reason": "timed_out", "exit_code": 0}, 125),
            ({"status": "cancelled", "reason": "cancelled_by_user", "exit_code": None}, 125),
        ],
    )
    def test_it_ends_as_the_job_ended(self, logged_in: Platform, outcome: dict[str, object], code: int) -> None:
        logged_in.outcome = outcome
        assert outrider("run", "--", "true").exit_code == code
        assert outrider("jobs", "wait", "@last").exit_code == code

    def test_the_message_for_a_person_is_shown(self, logged_in: Platform) -> None:
        logged_in.outcome = {
            "status": "failed",
            "reason": "out_of_memory",
            "exit_code": 137,
            "message": "It needed more than 4 GiB; choose a larger machine.",
        }
        run = outrider("run", "--", "true")
        assert "failed (out of memory) with exit code 137" in run.stderr
        assert "choose a larger machine" in run.stderr

    def test_json_is_one_document_a_line(self, logged_in: Platform) -> None:
        logged_in.lines = ["one"]
        run = outrider("run", "--json", "--", "true")
        documents = [json.loads(text) for text in run.stdout.splitlines()]
        assert documents[0]["job"]["id"] == documents[-1]["job"]["id"] == "j000000000000"
        assert documents[-1]["job"]["status"] == "succeeded"
        assert [item["text"] for item in documents if item["type"] == "line"] == ["one"]
        assert [item["event"]["message"] for item in documents if item["type"] == "event"] == [
            "queued",
            "started",
            "ended",
        ]
        assert run.stderr == ""

    def test_faults_that_are_not_the_jobs_are_125(self, logged_in: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        for args in (
            ("run",),
            ("run", "--"),
            ("run", "--no-such-option", "x"),
            ("run", "--machine", "unknown", "--", "true"),
            ("run", "--workspace", "nowhere", "--", "true"),
            ("run", "--command", " "),
            ("jobs", "wait", "jnothere00000"),
            ("jobs", "wait"),
        ):
            assert outrider(*args).exit_code == 125, args
        assert logged_in.jobs == {}
        monkeypatch.setenv("OUTRIDER_URL", "http://127.0.0.1:1")
        assert outrider("run", "--", "true").exit_code == 125

    def test_ctrl_c_detaches_and_says_what_to_do(self, logged_in: Platform) -> None:
        logged_in.ends_after_s = 60
        command = [sys.executable, "-m", "outrider", "run", "--workspace", "none", "--", "sleep", "60"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            shown = ""
            while "/services/outrider/jobs/" not in shown:
                shown = process.stderr.readline()
                assert shown, "it ended early"
            process.send_signal(2)
            _, rest = process.communicate(timeout=30)
        assert process.returncode == 130
        assert "outrider jobs logs -f j000000000000" in rest
        assert "outrider jobs stop j000000000000" in rest
        assert submitted(logged_in)["status"] == "running"


class TestJobs:
    def test_list(self, logged_in: Platform) -> None:
        logged_in.add_job(name="first", status="failed")
        logged_in.add_job(name="second\t\x1b[31m", status="running")
        rows = outrider("jobs", "list").stdout.splitlines()
        assert rows[0].startswith("ID\tNAME\tSTATUS")
        assert rows[1].startswith("j000000000001\tsecond ")
        assert rows[2].split("\t")[2] == "failed"
        assert [job["name"] for job in json.loads(outrider("jobs", "list", "--json").stdout)["items"]][1] == "first"
        only = json.loads(outrider("jobs", "list", "--status", "failed", "--json").stdout)["items"]
        assert [job["id"] for job in only] == ["j000000000000"]
        both = json.loads(outrider("jobs", "list", "--status", "failed", "--status", "running", "--json").stdout)
        assert len(both["items"]) == 2
        assert outrider("jobs", "list", "--status", "nonsense").exit_code == 2
        assert json.loads(outrider("jobs", "list", "--tag", "x", "--json").stdout) == {"items": []}

    def test_show(self, logged_in: Platform) -> None:
        logged_in.add_job(message="It waits.", ports=[{"port": 8080, "url": "http://x.localhost/", "path": "p"}])
        run = outrider("jobs", "show", "@last")
        assert "It waits." in run.stdout
        assert "http://x.localhost/" in run.stdout
        assert json.loads(outrider("jobs", "show", "j0", "--json").stdout)["id"] == "j000000000000"

    def test_logs(self, logged_in: Platform) -> None:
        logged_in.lines = [f"line {n}" for n in range(1, 11)]
        logged_in.add_job()
        assert outrider("jobs", "logs", "@last").stdout.splitlines() == logged_in.lines
        assert outrider("jobs", "logs", "@last", "-f").stdout.splitlines() == logged_in.lines
        assert outrider("jobs", "logs", "@last", "--tail", "2").stdout == "line 9\nline 10\n"
        assert outrider("jobs", "logs", "@last", "--after", "9").stdout == "line 10\n"
        assert outrider("jobs", "logs", "@last", "--line", "1", "--limit", "1").stdout == "line 2\n"
        assert outrider("jobs", "logs", "@last", "-q", "10").stdout == "line 10\n"
        document = json.loads(outrider("jobs", "logs", "@last", "--json").stdout)
        assert [item["n"] for item in document["items"]] == list(range(1, 11))
        lines = outrider("jobs", "logs", "@last", "-f", "--json").stdout.splitlines()
        assert [json.loads(text)["text"] for text in lines] == logged_in.lines

    def test_stop_delete_clone_events_open(self, logged_in: Platform) -> None:
        job = logged_in.add_job(ports=[{"port": 8080, "url": "http://x.localhost/", "path": "p"}])
        assert "Stopping job" in outrider("jobs", "stop", job).stderr
        assert outrider("jobs", "clone", job).stdout.strip() == "j000000000001"
        assert "queued" in outrider("jobs", "events", job).stdout
        assert len(json.loads(outrider("jobs", "events", job, "--json").stdout)["items"]) == 3
        assert len(outrider("jobs", "events", job, "-f", "--json").stdout.splitlines()) == 3
        assert outrider("jobs", "open", job).stdout.strip().endswith(f"/services/outrider/jobs/{job}")
        assert outrider("jobs", "open", job, "--port", "8080").stdout.strip() == "http://x.localhost/"
        assert outrider("jobs", "open", job, "--port", "9090").exit_code == 3
        assert outrider("jobs", "delete", job).exit_code == 0
        assert job not in logged_in.jobs

    def test_metrics(self, logged_in: Platform) -> None:
        logged_in.points = [points("val_accuracy@3/x", (1, 0.5), (2, 0.25))]
        logged_in.add_job()
        assert "val_accuracy@3/x" in outrider("jobs", "metrics", "@last").stdout
        chart = json.loads(outrider("jobs", "metrics", "@last", "val_accuracy@3/x", "--json").stdout)
        assert chart["series"][0]["y"] == [0.5, 0.25]
        assert outrider("jobs", "metrics", "@last", "val_accuracy@3/x").stdout == "\t1\t0.5\n\t2\t0.25\n"
        followed = outrider("jobs", "metrics", "@last", "--follow", "--json").stdout.splitlines()
        assert json.loads(followed[0])["y"] == [0.5, 0.25]
        assert outrider("jobs", "metrics", "@last", "none").exit_code == 3


class TestTheRest:
    def test_exit_codes(self, logged_in: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
        assert outrider("jobs", "show", "jnothere00000").exit_code == 3
        logged_in.fail("GET", "/machines", 403)
        assert outrider("machines").exit_code == 4
        logged_in.fail("GET", "/machines", 503, times=10)
        assert outrider("machines").exit_code == 5
        logged_in.fail("GET", "/notebooks", 400)
        assert outrider("notebooks", "list").exit_code == 1
        assert outrider("nonsense").exit_code == 2
        monkeypatch.setenv("OUTRIDER_TOKEN", "bad")
        run = outrider("whoami", "--json")
        assert run.exit_code == 4
        assert json.loads(run.stderr)["status"] == 401

    def test_whoami_and_machines(self, logged_in: Platform) -> None:
        assert "ada" in outrider("whoami").stdout
        assert json.loads(outrider("whoami", "--json").stdout)["name"] == "ada"
        assert "gpu-spot\t2\t4.0 GiB\t1 x H200\t1.00 preemptible" in outrider("machines").stdout
        assert len(json.loads(outrider("machines", "--json").stdout)["items"]) == 4

    @pytest.mark.parametrize(("cost", "said"), [(0.0, ""), (0.000018, ", cost < 0.01"), (12.5, ", cost 12.50")])
    def test_money_is_written_for_people(self, logged_in: Platform, cost: float, said: str) -> None:
        logged_in.outcome |= {"status": "succeeded", "exit_code": 0, "cost": cost}
        logged_in.end(logged_in.add_job())
        assert outrider("jobs", "wait", "@last").stderr.strip().endswith(f"after 0s{said}")

    def test_artifacts(self, logged_in: Platform, tmp_path: Path) -> None:
        logged_in.artifacts = {"model.bin": b"m", "plots/a.png": b"p"}
        logged_in.add_job()
        assert "plots/" in outrider("artifacts", "list", "@last").stdout
        assert "plots/a.png" in outrider("artifacts", "list", "@last", "-r").stdout
        run = outrider("artifacts", "get", "@last", "-o", str(tmp_path / "out"))
        assert run.exit_code == 0, run.output
        assert (tmp_path / "out" / "plots" / "a.png").read_bytes() == b"p"
        assert outrider("artifacts", "get", "@last", "model.bin", "-o", "-").stdout == "m"
        assert outrider("artifacts", "get", "@last", "nothing").exit_code == 3

    def test_storage(self, logged_in: Platform, project: Path, tmp_path: Path) -> None:
        assert outrider("storage", "put", "train.py", "/storage/code/").exit_code == 0
        assert list(logged_in.storage) == ["code/train.py"]
        assert "code/" in outrider("storage", "ls").stdout
        assert json.loads(outrider("storage", "ls", "code", "--json").stdout)["items"][0]["path"] == "code/train.py"
        assert outrider("storage", "get", "code", "-o", str(tmp_path)).exit_code == 0
        assert (tmp_path / "code" / "train.py").read_text() == "print(1)"
        assert outrider("storage", "rm", "/storage/code").exit_code == 1
        assert outrider("storage", "rm", "-r", "/storage/code").exit_code == 0
        assert logged_in.storage == {}
        assert outrider("storage", "rm", "nothing").exit_code == 3

    def test_notebooks(self, logged_in: Platform) -> None:
        run = outrider("notebooks", "start", "--machine", "gpu")
        assert run.exit_code == 0, run.output
        assert run.stdout.strip() == f"{logged_in.url}/user/ada/"
        assert "starting" in run.stderr
        options = ["--git", "https://git.example/x.git", "--ref", "main", "--stop-after", "2h", "--stop-unused", "30m"]
        assert outrider("notebooks", "start", "my lab", *options).exit_code == 0
        assert logged_in.started == [
            {"machine": "gpu"},
            {"git_url": options[1], "git_ref": "main", "max_age_s": 7200, "idle_timeout_s": 1800},
        ]
        listing = outrider("notebooks", "list").stdout
        assert "(default)\trunning\tgpu" in listing
        assert "my lab" in listing
        assert "It stops in" in outrider("notebooks", "keep", "my lab").stderr
        assert outrider("notebooks", "open", "my lab").stdout.strip() == f"{logged_in.url}/user/ada/my lab"
        assert outrider("notebooks", "stop", "my lab").exit_code == 0
        assert [server["server"] for server in logged_in.servers] == [""]
        assert outrider("notebooks", "open", "my lab").exit_code == 3

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_completion(self, shell: str) -> None:
        run = outrider("completion", shell)
        assert run.exit_code == 0
        assert "_OUTRIDER_COMPLETE" in run.stdout

    def test_every_command_takes_json(self) -> None:
        def leaves(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
            if isinstance(command, click.Group):
                return [leaf for key, below in command.commands.items() for leaf in leaves(below, f"{name} {key}")]
            return [(name, command)]

        without = [
            name for name, command in leaves(cli, "outrider") if "as_json" not in {p.name for p in command.params}
        ]
        assert without == ["outrider completion"]

    def test_a_list_of_commands_says_what_each_does_in_a_whole_sentence(self) -> None:
        groups = [[], *([name] for name, command in cli.commands.items() if isinstance(command, click.Group))]
        for group in groups:
            listed = outrider(*group, "--help").stdout.partition("Commands:")[2].splitlines()
            assert listed and not [line for line in listed if line.endswith("...")]

    def test_help_loads_no_http_and_no_tables(self) -> None:
        code = "import sys, outrider.cli; print([m for m in ('httpx', 'rich') if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]"


def test_the_page_about_the_command_is_current() -> None:
    docs = Path(__file__).parents[3] / "docs"
    done = subprocess.run(
        [sys.executable, "-c", "import generate_cli; print(generate_cli.page().rstrip())"],
        cwd=docs,
        capture_output=True,
        text=True,
        check=True,
    )
    page = (docs / "cli.md").read_text(encoding="utf-8")
    assert done.stdout == page, "run: python docs/generate_cli.py"
