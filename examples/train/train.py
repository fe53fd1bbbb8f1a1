"""Trains a classifier on a CSV from the workspace and keeps the model in /storage, for all jobs to come.

Run it from this directory: outrider run -- python train.py
"""

import csv
import json
import os
import random
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier

STORAGE = Path(os.environ.get("OUTRIDER_STORAGE", "/storage"))
ARTIFACTS = Path(os.environ.get("OUTRIDER_ARTIFACTS", "/artifacts"))
TREES = int(os.environ.get("PARAM_TREES", "40"))


def read(path):
    with open(path, newline="") as file:
        rows = [([float(row["length"]), float(row["width"])], row["kind"]) for row in csv.DictReader(file)]
    random.Random(0).shuffle(rows)
    return rows


def main():
    rows = read("flowers.csv")
    split = len(rows) * 3 // 4
    (inputs, kinds), (test_inputs, test_kinds) = (zip(*part) for part in (rows[:split], rows[split:]))
    model = RandomForestClassifier(n_estimators=1, warm_start=True, random_state=0)
    for trees in range(1, TREES + 1):
        model.set_params(n_estimators=trees).fit(inputs, kinds)
        accuracy = model.score(test_inputs, test_kinds)
        # A line like this is a point of a chart.
        print(json.dumps({"chart": "accuracy", "x": trees, "y": accuracy}), flush=True)
    folder = STORAGE / "models"
    folder.mkdir(parents=True, exist_ok=True)
    joblib.dump(model, folder / "flowers.joblib")
    (ARTIFACTS / "report.json").write_text(json.dumps({"trees": TREES, "accuracy": accuracy}))
    print(f"accuracy {accuracy:.1%} with {TREES} trees; the model is in /storage/models/flowers.joblib")


if __name__ == "__main__":
    main()
