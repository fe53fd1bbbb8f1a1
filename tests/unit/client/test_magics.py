"""What ``%%outrider`` shows of a job, and what it says when it is used wrongly."""

from types import SimpleNamespace

import pytest

from outrider import magics

DATA = {
    "id": "jabcdefghijkl",
    "name": "<script>",
    "status": "failed",
    "machine": "small",
    "exit_code": 3,
    "message": "It ended with 3.",
    "created_at": "2026-01-01T00:00:00Z",
    "finished_at": None,
    "env": {"SECRET": "x"},
}


def test_each_reader_gets_a_form_of_its_own() -> None:
    shown = magics.forms(SimpleNamespace(id=DATA["id"], data=DATA), ["last <line>"])  # type: ignore[arg-type]
    assert shown[magics.JOB_TYPE]["id"] == DATA["id"]
    assert "env" not in shown[magics.JOB_TYPE]
    assert "exit code 3" in shown["text/plain"]
    assert shown["text/plain"].endswith("last <line>")
    assert "&lt;script&gt;" in shown["text/html"]
    assert "<line>" not in shown["text/html"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--no-such-option", "No such option"),
        ("--timeout soon", "soon"),
        ("python train.py", "The cell is what runs"),
        ("--command true", "The cell is what runs"),
        ("--name 'open", "No closing quotation"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(magics._Refused) as refused:
        magics.outrider(line, "print(1)")
    assert said in capsys.readouterr().err
    assert refused.value._render_traceback_() == []


def test_a_cell_is_named_by_its_first_words() -> None:
    assert magics._name("\n# Train it\nimport torch") == "Train it"
    assert magics._name("\n") == "cell"


def test_help_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    magics.outrider("--help", "")
    assert "--wait" in capsys.readouterr().out
