"""The sample job's code: sent the same every time, and it does what its first login shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

from outrider_hub.launch import sample


def test_the_same_folder_packs_to_the_same_bytes() -> None:
    assert sample.packed(sample.SOURCE) == sample.packed(sample.SOURCE)


def test_it_learns_prints_charts_and_leaves_a_model(tmp_path: Path) -> None:
    params = json.dumps({"epochs": 30, "pause_s": 0})
    environ = {**os.environ, "OUTRIDER_PARAMS": params, "OUTRIDER_ARTIFACTS": str(tmp_path)}
    script = sample.SOURCE / "train.py"
    done = subprocess.run([sys.executable, script], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    points = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"chart": "loss", "x"')]
    assert points[-1]["y"] < points[0]["y"]
    assert json.loads((tmp_path / "model.json").read_text())["test_accuracy"] > 0.9


def test_an_outcome_in_one_line() -> None:
    job = {"id": "j1", "status": "succeeded"}
    line = sample.Outcome(job, {"loss": 0.25}, ["model.json"]).sentence()
    assert "j1 succeeded" in line and "loss 0.25" in line and "model.json" in line
    failed = {"id": "j1", "status": "failed", "message": "Choose a larger machine."}
    assert "Choose a larger machine." in sample.Outcome(failed, {}, []).sentence()
