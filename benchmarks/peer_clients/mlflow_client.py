"""URL POINTS RUNS: logs points one by one and in batches, makes runs, lists them. Runs in MLflow's environment."""

from __future__ import annotations

import json
import sys
import time

from mlflow import MlflowClient
from mlflow.entities import Metric

BATCH = 1000
LISTS = 5


def main() -> None:
    url, points, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    client = MlflowClient(tracking_uri=url)
    experiment = client.create_experiment("peers")
    run = client.create_run(experiment).info.run_id
    began = time.monotonic()
    singles = max(1, points // 200)
    for n in range(singles):
        client.log_metric(run, "single", 1 / (n + 1), step=n)
    single = singles / (time.monotonic() - began)
    began = time.monotonic()
    for start in range(0, points, BATCH):
        now = int(time.time() * 1000)
        client.log_batch(run, [Metric("batch", 1 / (n + 1), now, n) for n in range(start, start + BATCH)])
    batch = points / (time.monotonic() - began)
    for n in range(runs - 1):
        made = client.create_run(experiment, run_name=f"run-{n}").info.run_id
        client.set_terminated(made)
    times = []
    for _ in range(LISTS):
        began = time.monotonic()
        found = client.search_runs([experiment], max_results=runs)
        times.append(time.monotonic() - began)
        assert len(found) == runs, len(found)
    print(json.dumps({"single": single, "batch": batch, "lists": times}))


main()
