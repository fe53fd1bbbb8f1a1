"""``python -m tests.cluster build|up|down|test``: the test cluster by hand, and the tests on it.

``build`` only builds the cluster's programs, which ``up`` and ``test`` do as well; ``program NAME`` prints where one of
them is, such as helm. Where the machine cannot have a cluster, ``test`` says so loudly and succeeds: that is no fault
of the product's. ``OUTRIDER_CLUSTER=required`` makes it one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

from .harness import processes
from .harness.boot import kubeconfig, try_a_container, up
from .harness.machine import check_machine, check_root
from .harness.programs import Missing, go_programs
from .harness.removal import down
from .harness.turn import turn

CHART = "tests/helm"
CLUSTER = "tests/cluster"


def main() -> int:
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    if wanted == "program" and len(sys.argv) == 3:
        print(go_programs(sys.argv[2])[sys.argv[2]])
        return 0
    if wanted not in ("build", "up", "down", "test"):
        print("usage: python -m tests.cluster build|up|down|test", file=sys.stderr)
        return 2
    if wanted == "build":
        return _build()
    if wanted == "test" and os.environ.get("KUBECONFIG"):
        return _pytest(*_chosen(sys.argv[2:]))
    try:
        check_root()
        with turn():
            return _test(sys.argv[2:]) if wanted == "test" else _hand(wanted)
    except Missing as error:
        return _without(wanted, error)


def _build() -> int:
    """Takes minutes on a machine that has not built them before."""
    try:
        go_programs()
    except (Missing, FileNotFoundError) as error:
        _loud(f"THE CLUSTER'S PROGRAMS CANNOT BE BUILT HERE: {error}")
    return 0


def _hand(wanted: str) -> int:
    if wanted == "down":
        down()
        return 0
    began = time.monotonic()
    check_machine()
    up()
    print(f"The cluster is up after {time.monotonic() - began:.0f} s. Use it with:", file=sys.stderr)
    print(f"export KUBECONFIG={kubeconfig()}")
    return 0


def _test(arguments: list[str]) -> int:
    was_up = processes.running("kubelet") is not None
    try:
        try:
            check_machine()
            up()
            try_a_container()
        except TimeoutError as error:
            # The cluster's own programs, on a machine that they do not know: nothing of the product runs yet.
            raise Missing(str(error)) from error
        return _pytest(*_chosen(arguments))
    finally:
        if not was_up:
            down()


def _without(wanted: str, error: Missing) -> int:
    if wanted != "test":
        _loud(f"NO CLUSTER: {error}")
        return 3
    _loud(f"NO CLUSTER, AND NOTHING TESTED ON ONE BUT THE CHART AS A DOCUMENT: {error}")
    return 1 if os.environ.get("OUTRIDER_CLUSTER") == "required" else _pytest(CHART)


def _chosen(arguments: list[str]) -> list[str]:
    """All tests, unless some are named."""
    named = any(argument.startswith("tests/") for argument in arguments)
    return arguments if named else [CLUSTER, *arguments]


def _pytest(*arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "pytest", *arguments])


def _loud(text: str) -> None:
    line = "=" * 100
    print(f"{line}\n{text}\n{line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
