"""Loads ``%%outrider`` into every Python kernel of this server automatically."""

from __future__ import annotations

import functools
from typing import Any

MAGICS = "outrider.magics"
OPTION = f"--InteractiveShellApp.extra_extensions={MAGICS}"


def load_magics(serverapp: Any) -> None:
    """Makes kernels that start from now on load the magics. A kernel without the package logs an error and still
    starts."""
    manager = serverapp.kernel_manager
    start = manager.start_kernel

    @functools.wraps(start)
    async def start_kernel(*args: Any, **kwargs: Any) -> Any:
        name = kwargs.get("kernel_name") or manager.default_kernel_name
        if runs_ipython(manager.kernel_spec_manager, name):
            kwargs["extra_arguments"] = [*(kwargs.get("extra_arguments") or []), OPTION]
        return await start(*args, **kwargs)

    manager.start_kernel = start_kernel


def runs_ipython(specs: Any, name: str) -> bool:
    """Whether the kernel accepts IPython's options."""
    try:
        words = specs.get_kernel_spec(name).argv
    except Exception:
        # Unknown or broken kernel spec: starting the kernel reports the error.
        return False
    return any("ipykernel" in word for word in words)
