"""A PostgreSQL of one's own in a temporary directory, where its programs are installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def programs() -> Path | None:
    """Where the newest PostgreSQL's programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return found[-1] if found else None


@contextlib.contextmanager
def server(where: Path) -> Iterator[str]:
    """A running server's database URL. PostgreSQL refuses to run as root, so root lends it to nobody."""
    home = Path(tempfile.mkdtemp(prefix="outrider-pg-"))
    run_as: dict[str, Any] = {}
    if os.getuid() == 0:
        shutil.chown(home, "nobody")
        run_as = {"user": "nobody"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [str(where / program), *arguments], check=True, cwd=home, capture_output=True, timeout=60, **run_as
        )

    call("initdb", "-D", str(home / "data"), "-U", "outrider", "--auth=trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={home} -c fsync=off"
    call("pg_ctl", "-D", str(home / "data"), "-w", "-o", options, "-l", str(home / "log"), "start")
    try:
        yield f"postgresql://outrider@127.0.0.1:{port}/postgres"
    finally:
        call("pg_ctl", "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)
