"""The modules and kernels of a Python environment, asked of its own interpreter and cached."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Final

from ...catalog import Contents
from . import probe_environment
from .environments import prefix_of, python_of

log = logging.getLogger(__name__)

PATIENCE_S: Final = 30
FRESH_S: Final = 120
"""How long an answer is cached: packages may be installed at any time."""

PROBE: Final = Path(probe_environment.__file__).read_text(encoding="utf-8")


class ContentsOfEnvironments:
    """Answers by prefix; concurrent calls share one probe."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[float, asyncio.Task[Contents | None]]] = {}

    async def of(self, environment: str | None) -> Contents | None:
        """None: its interpreter is missing or did not answer in time."""
        prefix = prefix_of(environment)
        asked_at, answer = self._known.get(prefix, (0.0, None))
        if answer is None or time.monotonic() - asked_at > FRESH_S:
            answer = asyncio.create_task(look(python_of(environment)))
            self._known[prefix] = (time.monotonic(), answer)
        return await asyncio.shield(answer)


async def look(python: Path) -> Contents | None:
    try:
        process = await asyncio.create_subprocess_exec(
            python, "-I", "-c", PROBE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError as error:
        log.warning("%s: cannot be probed: %s", python, error)
        return None
    try:
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate()
        return Contents.model_validate(json.loads(output))
    except (TimeoutError, ValueError) as error:
        log.warning("%s: probe failed: %s", python, error or "no answer in time")
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
