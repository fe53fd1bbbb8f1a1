"""REPOSITORY POINTS: tracks points of one run in a local repository. Runs in Aim's environment."""

from __future__ import annotations

import json
import sys
import time

from aim import Run


def main() -> None:
    repository, points = sys.argv[1], int(sys.argv[2])
    run = Run(repo=repository, system_tracking_interval=None, log_system_params=False)
    began = time.monotonic()
    for n in range(points):
        run.track(1 / (n + 1), name="loss", step=n)
    run.close()
    print(json.dumps({"single": points / (time.monotonic() - began)}))


main()
