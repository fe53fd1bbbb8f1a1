"""The journal on disk: what a service that was killed finds again."""

from __future__ import annotations

from pathlib import Path

import pytest

from outrider_service.telemetry.journal import Journal, Sample
from outrider_service.telemetry.lines import Batch, parse
from outrider_service.telemetry.series import read_rows

LINE = b'1732170000.000000 {"chart": "loss", "y": 1.5}\n'


def sample(n: int) -> list[Sample]:
    return [Sample("system/cpu", "", float(n), 1732170000.0 + n)]


def test_lines_are_on_disk_at_once_and_samples_read_again_replace_those_beyond_the_checkpoint(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "job")
    journal.append(parse(LINE), 1, 0, "45")
    for n in range(3):
        journal.append(Batch(), 1, 0, f"after sample {n}", sample(n))
    assert [entry.count for entry in journal.checkpoint.series] == [1, 3], "they can be read before they are saved"

    killed = Journal(tmp_path / "job")
    assert (killed.checkpoint.lines, killed.cursor(1, 0)) == (1, "45")
    for n in range(3):
        killed.append(Batch(), 1, 0, f"after sample {n}", sample(n))
    killed.mark_complete(1, 0)

    again = Journal(tmp_path / "job")
    system = again.checkpoint.series[1]
    assert read_rows(again.series_path(system), system.count)[:, 1].tolist() == [0.0, 1.0, 2.0]
    assert again.cursor(1, 0) == "after sample 2"
    assert again.checkpoint.complete == ["1/0"]


def test_an_end_that_could_not_be_written_down_is_not_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "job")

    def full(_journal: Journal) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "save", full)
        with pytest.raises(OSError, match="No space"):
            journal.mark_complete(1, 0)
    assert journal.checkpoint.complete == []
    journal.mark_complete(1, 0)
    assert Journal(tmp_path / "job").checkpoint.complete == ["1/0"]
