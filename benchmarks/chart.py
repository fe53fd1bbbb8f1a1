"""A chart of a million points, as the browser asks for it: 2,000 points over HTTP.

The limit is the downsampling alone: the same algorithm on arrays that are in memory already.
"""

from __future__ import annotations

import time
from array import array

import numpy as np
from tsdownsample import MinMaxLTTBDownsampler

from outrider_service.storage.directories import Directories
from outrider_service.telemetry.journal import Journal
from outrider_service.telemetry.lines import Batch

from .fill import Filler
from .harness import Bench, catalog
from .report import Row, percentile, spread

POINTS = 1_000_000
SENT = 2000
REPEATS = 40


def values() -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(POINTS, dtype=np.float64)
    return x, np.exp(-x / 3e5) + 0.05 * np.random.default_rng(1).standard_normal(POINTS)


def fill(journal: Journal, x: np.ndarray, y: np.ndarray) -> None:
    rows = np.column_stack([x, y, 1732170000 + x / 100, x])
    for start in range(0, POINTS, 5000):
        part = rows[start : start + 5000]
        batch = Batch(points={("loss", ""): array("d", part.ravel().tolist())})
        journal.append(batch, 1, 0, str(start))


def alone(x: np.ndarray, y: np.ndarray) -> list[float]:
    sampler, found = MinMaxLTTBDownsampler(), []
    for _ in range(REPEATS):
        began = time.perf_counter()
        sampler.downsample(x, y, n_out=SENT)
        found.append(time.perf_counter() - began)
    return found


def run(bench: Bench) -> list[Row]:
    home = bench.new_home()
    x, y = values()
    peer = alone(x, y)
    filler = Filler(f"sqlite:///{home}/outrider.db")
    job_id = filler.jobs(1, owner="alice")[0]
    fill(Journal(Directories(home).telemetry(job_id)), x, y)
    with bench.service(home, catalog=catalog()) as service:
        alice = service.user("alice")
        times, sent, size = [], 0, 0
        for _ in range(REPEATS):
            began = time.perf_counter()
            answer = alice.get(f"/jobs/{job_id}/metrics/loss", params={"points": SENT})
            times.append(time.perf_counter() - began)
            sent, size = len(answer.json()["series"][0]["x"]), len(answer.content)
        plain = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            alice.get(f"/jobs/{job_id}/metrics")
            plain.append(time.perf_counter() - began)
    return [
        Row(
            "chart of 1,000,000 points (p95)",
            1000 * percentile(times, 95),
            "ms",
            goal=50,
            limit=1000 * percentile(peer, 95),
            limit_is="tsdownsample alone, arrays in memory",
            note=f"{spread(times)} at the client; {size / 1000:.0f} kB; asking for the last values only: p50"
            f" {1000 * percentile(plain, 50):.1f} ms",
        ),
        Row("points sent for it", sent, "points", goal=SENT),
    ]
