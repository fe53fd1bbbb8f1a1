"""Notebook jobs: cell by cell, on disk at once, and what was finished survives whatever happens next."""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from .conftest import Run, until


def cell(source: str, *tags: str, kind: str = "code") -> dict[str, Any]:
    made: dict[str, Any] = {
        "cell_type": kind,
        "metadata": {"tags": list(tags)} if tags else {},
        "source": source,
    }
    if kind == "code":
        made.update(outputs=[], execution_count=None)
    return made


def notebook(job: Run, *cells: dict[str, Any], name: str = "train.ipynb", **metadata: Any) -> str:
    path = job.workspace / name
    path.parent.mkdir(exist_ok=True)
    content = {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(content))
    return name


def output(job: Run, name: str = "train.ipynb") -> list[dict[str, Any]]:
    """The cells of the notebook in the artifacts, each with the text that it printed."""
    cells: list[dict[str, Any]] = json.loads((job.artifacts / name).read_text())["cells"]
    return cells


def text_of(made: dict[str, Any]) -> str:
    return "".join("".join(each.get("text", [])) for each in made.get("outputs", []))


def test_a_notebook_runs_with_its_parameters_and_reports_as_it_goes(job: Run) -> None:
    name = notebook(
        job,
        cell("# Title", kind="markdown"),
        cell("lr = 1", "parameters"),
        cell('print(\'{"chart": "loss", "y": 0.5}\')\nprint("rate", lr)'),
        cell("lr * 2"),
        kernelspec={"name": "a-kernel-of-somebody-else", "display_name": "x", "language": "python"},
    )
    assert job.run(notebook=name, params={"lr": 0.25, "name": "ü"}) == 0, job.raw
    assert b'{"chart": "loss", "y": 0.5}\nrate 0.25\n0.5\n' in job.printed
    done = output(job)
    assert [c["metadata"].get("tags") for c in done] == [
        None,
        ["parameters"],
        ["injected-parameters"],
        None,
        None,
    ]
    assert "rate 0.25" in text_of(done[3])
    assert [c["execution_count"] for c in done[1:]] == [1, 2, 3, 4]
    progress = [(r["done"], r["total"]) for r in job.records if r["type"] == "progress"]
    assert progress[0] == (0, 4)
    assert progress[-1] == (4, 4)
    assert progress == sorted(progress)
    assert [p.name for p in job.artifacts.iterdir()] == ["train.ipynb"]
    assert [p.name for p in job.workspace.iterdir()] == ["train.ipynb"]


def test_it_runs_where_it_lies(job: Run) -> None:
    name = notebook(job, cell("print(open('data.csv').read())"), name="analysis/a.ipynb")
    (job.workspace / "analysis" / "data.csv").write_text("1,2")
    assert job.run(notebook=name) == 0, job.raw
    assert b"1,2" in job.printed
    assert (job.artifacts / "a.ipynb").exists()


def test_a_finished_cell_is_on_disk_while_the_next_one_runs(job: Run) -> None:
    job.start(notebook=notebook(job, cell("print('first')"), cell("import time\nprint('second')\ntime.sleep(1000)")))
    job.says(b"second")
    assert text_of(output(job)[0]) == "first\n"


def test_a_failing_cell_is_marked_and_the_rest_does_not_run(job: Run) -> None:
    name = notebook(job, cell("print('fine')"), cell("1 / 0"), cell("print('never')"))
    assert job.run(notebook=name) == 1
    assert b"ZeroDivisionError" in job.printed
    assert b"[outrider] Cell 2 of 3 failed: ZeroDivisionError: division by zero" in job.printed
    done = output(job)
    assert [c["cell_type"] for c in done] == ["code", "markdown", "code", "code"]
    assert "failed" in "".join(done[1]["source"])
    assert done[2]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert b"never" not in job.printed


def test_a_marked_notebook_that_runs_again_loses_its_mark(job: Run) -> None:
    job.run(notebook=notebook(job, cell("1 / 0")))
    (job.workspace / "train.ipynb").write_text((job.artifacts / "train.ipynb").read_text().replace("1 / 0", "1"))
    assert job.run(notebook="train.ipynb") == 0
    assert len(output(job)) == 1


def test_a_dead_kernel_leaves_what_was_finished(job: Run) -> None:
    name = notebook(job, cell("print('kept')"), cell("import os\nos.kill(os.getpid(), 9)"), cell("1"))
    assert job.run(notebook=name) == 1
    assert b"The kernel died in cell 2 of 3" in job.printed
    assert text_of(output(job)[0]) == "kept\n"


@pytest.mark.parametrize("stubborn", [False, True])
def test_asked_to_end_it_keeps_what_there_is(job: Run, stubborn: bool) -> None:
    source = "import signal, time\nprint('part', flush=True)\n"
    if stubborn:
        source += "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    name = notebook(job, cell("print('kept')"), cell(source + "print('up')\nwhile True: time.sleep(0.1)"))
    job.start(notebook=name).says(b"up")
    job.signal(signal.SIGTERM)
    assert job.end() == 143
    done = output(job)
    assert text_of(done[0]) == "kept\n"
    assert "part" in text_of(done[1])


def test_output_that_cannot_be_written_does_not_end_the_computation(job: Run) -> None:
    name = notebook(job, cell("print('one')"), cell("print('two')"))
    (job.folder / "file").write_text("")
    assert job.run(notebook=name, artifacts_dir=str(job.folder / "file")) == 1
    assert b"one\ntwo\n" in job.printed
    assert b"could not be written" in job.printed


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, b"There is no notebook"),
        ("{", b"not a readable notebook"),
        (
            '{"cells": [], "metadata": {"kernelspec": {"name": "ir", "language": "R"}}, "nbformat": 4, '
            '"nbformat_minor": 4}',
            b"no kernel 'ir'",
        ),
    ],
)
def test_what_is_no_notebook_is_told(job: Run, content: str | None, said: bytes) -> None:
    if content is not None:
        (job.workspace / "x.ipynb").write_text(content)
    assert job.run(notebook="x.ipynb") == 1
    assert said in job.printed
    assert b"Traceback" not in job.printed


def test_an_image_without_nbclient_is_told_what_to_install(tmp_path: Path) -> None:
    python = "/usr/bin/python3"
    if not Path(python).exists():
        pytest.skip("needs a Python without nbclient")
    job = Run(tmp_path, python)
    notebook(job, cell("1"))
    code = job.run(notebook="train.ipynb")
    if b"Install nbclient" not in job.printed and code == 0:
        pytest.skip("the system's Python has nbclient")
    assert code == 1
    assert b"Install nbclient and ipykernel in it." in job.printed


def test_an_empty_notebook_succeeds(job: Run) -> None:
    assert job.run(notebook=notebook(job, cell("text", kind="markdown"))) == 0
    assert sys.executable
    until(lambda: job.record("exited")["code"] == 0)
