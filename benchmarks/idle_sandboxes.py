"""Holds many directories as a supervisor holds one: ``python -m benchmarks.idle_sandboxes FILE`` with a directory a
line. Each has its lock held, its status at "running", and gets a system record every 10 s, evenly spread."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import socket
import sys
import time
from pathlib import Path

from outrider_sandbox import files, linux

EVERY_S = 10.0


def hold(folder: Path) -> None:
    """Take the lock, for this process's life, and say that it runs."""
    folder.mkdir(mode=0o700, parents=True)
    lock = os.open(folder / files.LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    assert linux.try_lock(lock)
    now = time.time()
    status = {"phase": "running", "boot_id": linux.boot_id(), "pid": os.getpid(), "created_at": now, "started_at": now}
    (folder / files.STATUS).write_text(json.dumps(status).ljust(4096))
    record(folder, {"type": "started"})


def record(folder: Path, fields: dict[str, object]) -> None:
    line = b"%.6f \x1e%s\n" % (time.time(), json.dumps(fields).encode())
    with (folder / files.LOG).open("ab") as file:
        file.write(line)


def main(names: Path) -> None:
    folders = [Path(line) for line in names.read_text().splitlines()]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for folder in folders:
        hold(folder)
    print(json.dumps({"held": len(folders)}), flush=True)
    notifier = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notifier.setblocking(False)
    socket_path = folders[0].parents[1] / "notify.sock"
    began, n = time.monotonic(), 0
    while True:
        folder = folders[n % len(folders)]
        record(folder, {"type": "system", "cpu": 0.1, "memory": 10_000_000 + n, "memory_limit": 2**26, "gpus": []})
        with contextlib.suppress(OSError):
            notifier.sendto(b"log " + folder.name.encode(), str(socket_path))
        n += 1
        time.sleep(max(0.0, began + n * EVERY_S / len(folders) - time.monotonic()))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
