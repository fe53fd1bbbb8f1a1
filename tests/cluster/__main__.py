"""``python -m tests.cluster up|down|env``: the test cluster, by hand."""

from __future__ import annotations

import sys
import time

from .harness.boot import kubeconfig, up
from .harness.programs import Missing, check_machine
from .harness.removal import down


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) == 2 else ""
    if wanted not in ("up", "down"):
        print("usage: python -m tests.cluster up|down", file=sys.stderr)
        return 2
    try:
        check_machine()
        if wanted == "down":
            down()
            return 0
        began = time.monotonic()
        up()
    except Missing as error:
        print(f"NO CLUSTER: {error}", file=sys.stderr)
        return 3
    print(f"The cluster is up after {time.monotonic() - began:.0f} s. Use it with:", file=sys.stderr)
    print(f"export KUBECONFIG={kubeconfig()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
