"""This machine's CPUs, memory and GPUs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from ...capacity.room import Room
from ...catalog.configured import LocalCapacity

log = logging.getLogger(__name__)


def memory_mb() -> int:
    """The machine's memory in MiB."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    raise RuntimeError("/proc/meminfo has no MemTotal")


def gpu_models() -> dict[str, str]:
    """Model by UUID of every NVIDIA GPU; empty without a driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return {}
    try:
        found = {}
        for index in range(pynvml.nvmlDeviceGetCount()):
            handle = pynvml.nvmlDeviceGetHandleByIndex(index)
            found[_text(pynvml.nvmlDeviceGetUUID(handle))] = _text(pynvml.nvmlDeviceGetName(handle))
        return found
    except pynvml.NVMLError as error:
        log.warning("NVML works, but cannot list the GPUs: %s", error)
        return {}
    finally:
        pynvml.nvmlShutdown()


def device_nodes(uuids: list[str]) -> list[str]:
    """The device nodes that a sandbox with these GPUs needs: the shared ones and one for each GPU."""
    if not uuids:
        return []
    import pynvml

    pynvml.nvmlInit()
    try:
        minors = [pynvml.nvmlDeviceGetMinorNumber(pynvml.nvmlDeviceGetHandleByUUID(uuid)) for uuid in uuids]
    finally:
        pynvml.nvmlShutdown()
    shared = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-modeset")
    return [path for path in shared if Path(path).exists()] + [f"/dev/nvidia{minor}" for minor in minors]


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def local_room(configured: LocalCapacity) -> Room:
    """What the platform hands out: the whole machine, or what the operator configured."""
    return Room(
        configured.cpu or float(len(os.sched_getaffinity(0))),
        configured.memory_mb or memory_mb(),
        gpu_models(),
    )
