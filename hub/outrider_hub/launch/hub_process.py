"""JupyterHub as a child process.

Its output and that of the proxy and the service go to one file below the state directory.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from ..lifeline import end_with
from ..settings import Settings, shipped

LOG_LIMIT = 20 * 1024 * 1024
STOP_WAIT_S = 30.0


class HubProcess:
    """One run of JupyterHub."""

    def __init__(self, settings: Settings, config: Path, lock: int) -> None:
        self.log = settings.logs / "hub.log"
        self._begin = self.log.stat().st_size if self.log.exists() else 0
        self.roll_log()
        launcher = os.getpid()
        environ = {
            **os.environ,
            "OUTRIDER_HOME": str(settings.home),
            "OUTRIDER_PORT": str(settings.port),
        }
        environ.pop("CONFIGPROXY_AUTH_TOKEN", None)
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=settings.home,
                env=environ,
                pass_fds=[lock],
                # Not reached by the terminal's Ctrl-C: only the launcher decides when the Hub ends.
                start_new_session=True,
                # This program has one thread at this point, so no lock can be held in the child.
                preexec_fn=lambda: end_with(launcher),
            )

    @property
    def exit_code(self) -> int | None:
        """None while it is running."""
        return self._process.poll()

    def stop(self) -> None:
        """Send SIGTERM, and SIGKILL after half a minute."""
        if self.exit_code is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def roll_log(self) -> None:
        """Keep the log and its predecessor. Copied, since the writers hold it open."""
        with contextlib.suppress(OSError):
            if self.log.stat().st_size > LOG_LIMIT:
                _copy(self.log).replace(self.log.with_suffix(".log.1"))
                os.truncate(self.log, 0)
                self._begin = 0

    def last_lines(self, count: int = 25) -> str:
        """The end of this run's log."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(self._begin, size - 16384))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-count:])


def _copy(path: Path) -> Path:
    copy = path.with_suffix(".log.copy")
    with path.open("rb") as source, copy.open("wb") as target:
        while block := source.read(1 << 20):
            target.write(block)
    return copy


def default_config() -> Path:
    return shipped("jupyterhub_config.py")
