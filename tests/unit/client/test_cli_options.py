"""What a submission says on the command line, as it arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider.cli.options import cheapest_preemptible
from outrider.models import Machine, build
from tests.unit.client.command import outrider, submitted
from tests.unit.client.platform import MACHINES, Platform

pytestmark = pytest.mark.usefixtures("project")


class TestOptions:
    def test_all_of_them(self, logged_in: Platform, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = logged_in.add_job()
        monkeypatch.setenv("FROM_HERE", "yes")
        words = (
            "jobs create --name n --image python:3.11 --machine cpu --env A=1=2 --env FROM_HERE "
            "--param lr=0.1 --param s=007 --param l=[1] "
            "--port 8080 --port 9090 --project p --experiment e --tag a --tag b "
            "--timeout 1h30m --retries 2 --priority 5 --nodes 2 --input data=@last --secret KEY --shm 2g "
            "--public --group lab --cluster default --workspace none -- python a.py"
        )
        run = outrider(*words.split())
        assert run.exit_code == 0, run.output
        assert run.stdout.strip() == "j000000000001"
        sent = submitted(logged_in)
        expected = {
            "name": "n",
            "image": "python:3.11",
            "machine": "cpu",
            "env": {"A": "1=2", "FROM_HERE": "yes"},
            "params": {"lr": 0.1, "s": "007", "l": [1]},
            "ports": [8080, 9090],
            "project": "p",
            "experiment": "e",
            "tags": ["a", "b"],
            "timeout_s": 5400,
            "retries": 2,
            "priority": 5,
            "nodes": 2,
            "inputs": {"data": other},
            "secrets": ["KEY"],
            "shm_mb": 2048,
            "public": True,
            "group": "lab",
            "cluster": "default",
            "workspace": {"type": "none"},
            "args": ["python", "a.py"],
        }
        assert {key: sent.get(key) for key in expected} == expected

    def test_gradients_spellings(self, logged_in: Platform, project: Path) -> None:
        (project / "big.bin").write_text("x")
        run = outrider(
            *("jobs", "create", "--machineType", "gpu", "--container", "tensorflow/tensorflow:2.15.0"),
            *(
                "--ports",
                "5000:8080,6006:6006",
                "--workspace",
                ".",
                "--projectId",
                "p",
                "--experimentId",
                "e",
            ),
            *("--envVars", '{"A": "1", "B": 2}', "--ignoreFiles", "big.bin,*.csv", "--isPreemptible"),
            *("--workingDirectory", "sub dir", "--tag", "t", "--command", "python train.py; echo done"),
        )
        assert run.exit_code == 0, run.output
        sent = submitted(logged_in)
        assert sent["machine"] == "gpu-spot"
        assert sent["image"] == "tensorflow/tensorflow:2.15.0"
        assert sent["ports"] == [8080, 6006]
        assert (sent["project"], sent["experiment"], sent["tags"]) == ("p", "e", ["t"])
        assert sent["env"] == {"A": "1", "B": "2"}
        assert sent["command"] == "cd -- 'sub dir' || exit; python train.py; echo done"
        assert "gpu-spot" in run.stderr
        assert "Workspace: 1 file" in run.stderr

    def test_a_quoted_line_is_a_shell_line(self, logged_in: Platform) -> None:
        outrider("jobs", "create", "python a.py && python b.py")
        assert submitted(logged_in)["command"] == "python a.py && python b.py"
        outrider("jobs", "create", "--workingDirectory", "x", "--", "python", "a b.py")
        assert submitted(logged_in)["command"] == "cd -- x && exec python 'a b.py'"

    def test_options_of_the_program_are_the_programs(self, logged_in: Platform) -> None:
        outrider("jobs", "create", "--machine", "gpu", "python", "train.py", "--machine", "mine", "--json")
        sent = submitted(logged_in)
        assert (sent["machine"], sent["args"]) == (
            "gpu",
            ["python", "train.py", "--machine", "mine", "--json"],
        )

    @pytest.mark.parametrize(
        "words",
        [
            "--timeout -5 -- true",
            "--timeout 0 -- true",
            "--timeout soon -- true",
            "--port 80 -- true",
            "--port 70000 -- true",
            "--port x -- true",
            "--env =x -- true",
            "--env NOT_SET_HERE -- true",
            "--param x -- true",
            "--shm lots -- true",
            "--nodes 0 -- true",
            "--retries -1 -- true",
            "--command x -- true",
            "--notebook a.py",
            "--notebook a.ipynb --workspace none",
            "--ignore-file nowhere -- true",
            "",
        ],
    )
    def test_wrong_usage_sends_nothing(self, logged_in: Platform, words: str) -> None:
        run = outrider("jobs", "create", *words.split())
        assert run.exit_code == 2, run.output
        assert logged_in.requests == []

    def test_a_notebook_named_from_here(self, logged_in: Platform, project: Path) -> None:
        (project / "nb").mkdir()
        (project / "nb" / "a.ipynb").write_text("{}")
        assert outrider("jobs", "create", "--notebook", "nb/a.ipynb", "--param", "x=1").exit_code == 0
        assert submitted(logged_in)["notebook"] == "nb/a.ipynb"
        run = outrider("jobs", "create", "--workspace", "nb", "--notebook", "nb/a.ipynb")
        assert run.exit_code == 0, run.output
        assert submitted(logged_in)["notebook"] == "a.ipynb"
        assert outrider("jobs", "create", "--notebook", "gone.ipynb").exit_code == 1

    def test_a_projects_defaults(self, logged_in: Platform, project: Path) -> None:
        (project / "outrider.toml").write_text(
            '[run]\nmachine = "gpu"\ncommand = "python train.py"\nenv = { A = "1", B = 2 }\n'
            'params = { lr = 0.1 }\nports = [8080]\ntimeout = "1h"\nignore = ["*.csv"]\n'
        )
        (project / "data.csv").write_text("x")
        run = outrider("jobs", "create", "--env", "A=9", "--param", "n=3")
        assert run.exit_code == 0, run.output
        sent = submitted(logged_in)
        assert (sent["machine"], sent["command"], sent["timeout_s"]) == ("gpu", "python train.py", 3600)
        assert (sent["env"], sent["params"]) == ({"A": "9", "B": "2"}, {"lr": 0.1, "n": 3})
        assert "Workspace: 2 files" in run.stderr
        outrider("jobs", "create", "--machine", "cpu", "--", "true")
        assert (submitted(logged_in)["machine"], submitted(logged_in)["args"]) == ("cpu", ["true"])

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("[run]\nmashine = 'x'\n", "mashine"),
            ("[run]\nretries = true\n", "retries"),
            ("[run]\nports = [80]\n", "ports"),
            ("[jobs]\n", "jobs"),
            ("[run", "TOML"),
        ],
    )
    def test_a_wrong_default_is_named(self, logged_in: Platform, project: Path, text: str, said: str) -> None:
        (project / "outrider.toml").write_text(text)
        run = outrider("jobs", "create", "--", "true")
        assert run.exit_code == 1
        assert said in run.stderr
        assert logged_in.jobs == {}

    def test_preemptible_machines(self) -> None:
        machines = [build(Machine, item) for item in MACHINES]
        assert cheapest_preemptible(machines, "gpu") == "gpu-spot"
        assert cheapest_preemptible(machines, "cpu-spot") == "cpu-spot"
        assert cheapest_preemptible(machines, None) == "cpu-spot"
        assert cheapest_preemptible(machines, "unknown") == "unknown"
        assert cheapest_preemptible(machines[:1], "cpu") == "cpu"

    def test_the_same_key_is_the_same_job(self, logged_in: Platform) -> None:
        for _ in range(2):
            run = outrider("jobs", "create", "--idempotency-key", "k", "--", "true")
            assert run.stdout.strip() == "j000000000000"
