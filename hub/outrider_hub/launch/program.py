"""The launcher: checks, start, messages, and stop.

Ctrl-C or SIGTERM stops the Hub, the proxy and the service; jobs and notebooks keep running.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from pathlib import Path

import httpx

from outrider_sandbox import uid_range, usable

from .. import state
from ..settings import Settings, SettingsError, from_environment
from . import checks, health, sample
from .hub_process import HubProcess, default_config

START_S = 180.0
LOOK_S = 1.0
ROLL_EVERY_S = 30


def main(argv: list[str] | None = None) -> int:
    """The exit code: 0 after a requested stop, 1 if the Hub did not start or ended by itself."""
    arguments = _arguments(argv)
    try:
        settings = from_environment(os.environ)
        return _run(settings, arguments.config.absolute(), arguments.sample)
    except (SettingsError, checks.StartError) as error:
        say(f"Outrider cannot start: {error}")
        return 1


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m outrider_hub", description="Run Outrider on this machine.")
    parser.add_argument("--config", type=Path, default=default_config(), help="JupyterHub's configuration")
    parser.add_argument("--no-sample", dest="sample", action="store_false", help="run no sample job at the first start")
    return parser.parse_args(argv)


def _run(settings: Settings, config: Path, with_sample: bool) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    checks.files_present(settings)
    first = not (settings.home / "secrets" / "admin_password").exists()
    secrets = state.prepare(settings)
    lock = checks.take_lock(settings)
    checks.end_stale_proxy(settings)
    checks.ports_free(settings.ports)
    say(f"Starting Outrider (state in {settings.home}) …")
    hub = HubProcess(settings, config, lock)
    # From here on only the Hub holds the lock.
    os.close(lock)
    try:
        missing = health.wait(settings, lambda: hub.exit_code is None and not stop.is_set(), START_S)
        if stop.is_set():
            return 0
        if missing:
            say(f"{missing} does not answer. The end of {hub.log}:\n\n{hub.last_lines()}")
            return 1
        _welcome(settings, secrets, hub, first)
        if with_sample and sample.wanted(settings):
            _sample(settings, secrets, stop, hub)
        return _hold(hub, stop)
    finally:
        _end(hub)


def _welcome(settings: Settings, secrets: state.Secrets, hub: HubProcess, first: bool) -> None:
    say(f"\nOutrider is running at {settings.public_url}\n")
    if state.login_file(settings).exists():
        say(f"    user      {state.ADMIN}")
        if first:
            say(f"    password  {secrets.admin_password}")
        say(f"    {'(also ' if first else 'password  '}in {state.login_file(settings)}{')' if first else ''}")
    bin_directory = Path(sys.executable).parent
    say(f"    terminal  {bin_directory / 'outrider'} login")
    say(f"    log       {hub.log}\n")
    for sentence in usable(uid_range(settings.uids), settings.home).notes:
        say(f"Note: {sentence}")


def _sample(settings: Settings, secrets: state.Secrets, stop: threading.Event, hub: HubProcess) -> None:
    say("Submitting a sample training job …")
    try:
        outcome = sample.run(settings, secrets, lambda: not stop.is_set() and hub.exit_code is None)
    except (sample.SampleError, httpx.HTTPError) as error:
        say(f"The sample training job could not be run: {error}")
        return
    if outcome:
        say(outcome.sentence())
    elif not stop.is_set():
        say("The sample training job is still running; see `outrider jobs list`.")


def _hold(hub: HubProcess, stop: threading.Event) -> int:
    """Wait until asked to stop, or until the Hub ends by itself."""
    say("Press Ctrl-C to stop Outrider.")
    rounds = 0
    while not stop.wait(LOOK_S):
        if hub.exit_code is not None:
            say(f"JupyterHub ended by itself ({hub.exit_code}). The end of {hub.log}:\n\n{hub.last_lines()}")
            return 1
        rounds += 1
        if rounds % ROLL_EVERY_S == 0:
            hub.roll_log()
    return 0


def _end(hub: HubProcess) -> None:
    if hub.exit_code is None:
        say("\nStopping Outrider; jobs and notebooks keep running …")
        hub.stop()
