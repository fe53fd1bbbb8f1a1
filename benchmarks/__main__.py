"""``python -m benchmarks [NAME…] [--json FILE]``: run the benchmarks (all of them by default), print one table."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

import orjson
from rich.console import Console

from .harness import Bench
from .report import Row, machine, show

NAMES = (
    "ingest",
    "chart",
    "listing",
    "page",
    "usage",
    "submit",
    "start",
    "followers",
    "idle",
    "neighbours",
    "lab",
    "logins",
)
ON_DEMAND = ("cluster", "cluster_scale", "peers")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(NAMES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--short-jobs", type=int, default=500, metavar="N", help="how many the cluster gets at once")
    found = parser.parse_args()
    unknown = [name for name in found.names if name not in (*NAMES, *ON_DEMAND)]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join((*NAMES, *ON_DEMAND))}")
    return found


def main() -> int:
    wanted = arguments()
    console = Console(width=None if sys.stdout.isatty() else 200)
    on = machine()
    rows: list[Row] = []
    failed = False
    bench = Bench(wanted.short_jobs)
    try:
        for name in wanted.names or NAMES:
            began = time.monotonic()
            try:
                for row in importlib.import_module(f"benchmarks.{name}").run(bench):
                    rows.append(row)
                    beside = f" ({row.limit:.3g}: {row.limit_is})" if row.limit is not None else ""
                    print(f"{row.what}: {row.measured:.3g} {row.unit}{beside}", file=sys.stderr, flush=True)
            except Exception:
                # One that breaks must not take the others' figures with it, nor those that it had.
                failed = True
                console.print_exception()
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    finally:
        bench.close()
    print("{cores} cores, {memory_gib} GiB, Python {python}, load {load_1min} at the start\n".format(**on))
    show(rows, console)
    if wanted.json:
        wanted.json.write_bytes(orjson.dumps({"machine": on, "rows": [row.as_json() for row in rows]}))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
