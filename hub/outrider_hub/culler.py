"""The culler: stops notebook servers that nobody has used for the time that is set.

``jupyterhub-idle-culler`` does the work. As a program this module runs it so that it ends with the Hub: a
culler that outlived a killed Hub would go on beside the next one's.
"""

from __future__ import annotations

import sys
from typing import Any

from .lifeline import end_with
from .scopes import CULLER
from .settings import Settings


def managed_service(settings: Settings, hub_pid: int) -> dict[str, Any] | None:
    """The culler as a service of the Hub; None where it is switched off by a timeout of 0."""
    if settings.cull_timeout_s == 0:
        return None
    return {
        "name": CULLER,
        "display": False,
        "command": [
            sys.executable,
            "-m",
            "outrider_hub.culler",
            str(hub_pid),
            f"--timeout={settings.cull_timeout_s}",
            f"--cull-every={settings.cull_every_s}",
        ],
    }


def main() -> None:
    """``python -m outrider_hub.culler HUB_PID OPTIONS…``"""
    from jupyterhub_idle_culler import IdleCuller

    end_with(int(sys.argv[1]))
    IdleCuller.launch_instance(argv=sys.argv[2:])


if __name__ == "__main__":
    main()
