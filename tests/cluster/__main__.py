"""``python -m tests.cluster up|down|test``: the test cluster by hand, and the tests on it.

``test`` runs nothing, loudly, where the machine cannot have a cluster: those tests are for machines that can.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from .harness.boot import kubeconfig, up
from .harness.programs import Missing, check_machine
from .harness.removal import down


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted not in ("up", "down", "test"):
        print("usage: python -m tests.cluster up|down|test", file=sys.stderr)
        return 2
    try:
        if wanted == "test" and os.environ.get("KUBECONFIG"):
            return _test(sys.argv[2:])
        check_machine()
        if wanted == "test":
            return _test(sys.argv[2:])
        if wanted == "down":
            down()
            return 0
        began = time.monotonic()
        up()
    except Missing as error:
        line = "=" * 100
        print(f"{line}\nNO CLUSTER, AND NOTHING TESTED ON ONE: {error}\n{line}", file=sys.stderr)
        return 0 if wanted == "test" else 3
    print(f"The cluster is up after {time.monotonic() - began:.0f} s. Use it with:", file=sys.stderr)
    print(f"export KUBECONFIG={kubeconfig()}")
    return 0


def _test(arguments: list[str]) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", "tests/helm", "tests/cluster", *arguments])


if __name__ == "__main__":
    sys.exit(main())
