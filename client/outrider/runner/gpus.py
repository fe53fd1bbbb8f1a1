"""The GPUs that the job can see, asked through NVIDIA's library. No library, no driver, no device: no GPUs,
silently.

A field that one GPU cannot answer is null; the others stay.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Callable, Dict, List, Optional


class Gpus:
    """Loaded at the first look, since the library takes its time."""

    def __init__(self, pynvml_path: Optional[str]) -> None:
        self._path = pynvml_path
        self._nvml: Any = None
        self._handles: "List[Any]" = []
        self._tried = False

    def look(self) -> "List[Dict[str, Any]]":
        if not self._tried:
            self._tried = True
            self._load()
        return [self._one(index, handle) for index, handle in enumerate(self._handles)]

    def _load(self) -> None:
        try:
            if self._path:
                sys.path.append(self._path)
            try:
                import pynvml
            finally:
                if self._path:
                    sys.path.remove(self._path)
            pynvml.nvmlInit()
            self._nvml = pynvml
            count = pynvml.nvmlDeviceGetCount()
        except Exception:
            return  # whatever it is, it must not harm the job
        for index in range(count):
            handle = _try(functools.partial(pynvml.nvmlDeviceGetHandleByIndex, index))
            if handle is not None:
                self._handles.append(handle)

    def _one(self, index: int, handle: Any) -> "Dict[str, Any]":
        nvml = self._nvml
        memory = _try(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
        power = _try(lambda: nvml.nvmlDeviceGetPowerUsage(handle))
        return {
            "index": index,
            "uuid": _text(_try(lambda: nvml.nvmlDeviceGetUUID(handle))),
            "name": _text(_try(lambda: nvml.nvmlDeviceGetName(handle))),
            "utilisation": _try(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
            "memory_used": None if memory is None else int(memory.used),
            "memory_total": None if memory is None else int(memory.total),
            "power": None if power is None else power / 1000,
            "temperature": _try(lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU))),
        }


def _try(ask: "Callable[[], Any]") -> Any:
    try:
        return ask()
    except Exception:
        return None


def _text(value: Any) -> Any:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
