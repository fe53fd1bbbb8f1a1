"""Preflight checks of a job: the service's own, and whether its image has the packages and the kernel that the code
needs. Each check answers yes, no or unknown; a "no" says what to change."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from .service import Service, ServiceError

Check = dict[str, str]


def result(what: str, answer: str, message: str = "") -> Check:
    return {"check": what, "answer": answer, "message": message}


async def check(
    service: Service, submission: dict[str, Any], kernel_name: str, imports: list[str], folder: Path | None = None
) -> list[Check]:
    """The service's checks, and whether the image has the kernel and the imported top-level modules. ``folder`` is
    uploaded as the workspace, so modules in it count as present. Raises ServiceError."""
    wanted = {**submission, "upload": folder is not None}
    if wanted["upload"]:
        wanted.pop("workspace", None)
    found: list[Check] = (await service.call("POST", "/jobs/preflight", wanted))["items"]
    names = [name for name in imports if folder is None or not lies_in(folder, name)]
    if names or kernel_name:
        image, machine = submission.get("image"), submission.get("machine")
        has = await contents(service, str(image or ""), str(machine or ""), names)
        found += packages(names, has.modules)
        if kernel_name:
            found.append(kernel(kernel_name, has.kernels))
    return found


@dataclass(frozen=True, slots=True)
class Contents:
    """The requested modules and kernels that the image has; None means unknown."""

    modules: frozenset[str] | None
    kernels: frozenset[str] | None


async def contents(service: Service, image: str, machine: str, names: list[str]) -> Contents:
    """What the service knows about the image; for this server's own image, this environment is the fallback."""
    own = image in ("", os.environ.get("OUTRIDER_IMAGE"))
    name = image or os.environ.get("OUTRIDER_IMAGE", "")
    said: dict[str, Any] = {"modules": None, "kernels": None}
    if name:
        query = f"?{urlencode({'machine': machine})}" if machine else ""
        try:
            said = await service.call("GET", f"/images/{quote(name)}/contents{query}")
        except ServiceError as error:
            if error.status != 404:
                raise
    if said["modules"] is None and own:
        return await asyncio.to_thread(_here, names)
    return Contents(*(None if said[part] is None else frozenset(said[part]) for part in ("modules", "kernels")))


def _here(names: list[str]) -> Contents:
    from jupyter_client.kernelspec import KernelSpecManager

    return Contents(frozenset(filter(_there, names)), frozenset(KernelSpecManager().find_kernel_specs()))


def packages(imports: list[str], modules: frozenset[str] | None) -> list[Check]:
    if not imports:
        return []
    if modules is None:
        return [result("packages", "unknown", "The packages in this image are unknown.")]
    missing = [name for name in imports if name not in modules and name not in sys.stdlib_module_names]
    if missing:
        text = ", ".join(missing)
        return [
            result(
                "packages",
                "no",
                f"Missing in this image: {text}. Install it in the job's command, or use another image.",
            )
        ]
    return [result("packages", "yes", "Available in this image.")]


def kernel(name: str, kernels: frozenset[str] | None) -> Check:
    if kernels is None:
        return result("kernel", "unknown", "The kernels in this image are unknown.")
    if name in kernels:
        return result("kernel", "yes", "Available in this image.")
    return result("kernel", "no", f"Kernel {name} is not in this image. The default Python kernel is used instead.")


def lies_in(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
