"""A thread that reports what the job uses, every few seconds. A driver that hangs holds up this thread
alone."""

from __future__ import annotations

import threading
from typing import Optional

from .gpus import Gpus
from .records import Output
from .usage import Usage

_FIRST_S = 1.0
_LAST_S = 2.0


class Sampler:
    def __init__(self, output: Output, every_s: float, limit: Optional[int], pynvml_path: Optional[str]) -> None:
        self._output = output
        self._every_s = max(0.1, every_s)
        self._usage = Usage(limit)
        self._gpus = Gpus(pynvml_path)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """One last sample, if it can be had in time."""
        self._ended.set()
        self._thread.join(_LAST_S)

    def _run(self) -> None:
        pause = min(_FIRST_S, self._every_s)
        while not self._ended.wait(pause):
            self._sample()
            pause = self._every_s
        self._sample()

    def _sample(self) -> None:
        try:
            used, limit = self._usage.memory()
            gpus = self._gpus.look()
            self._output.record("system", cpu=self._usage.cpu(), memory=used, memory_limit=limit, gpus=gpus)
        except Exception as error:  # a job without this sample is better than one without any
            self._output.say(f"a system sample failed: {error}")
