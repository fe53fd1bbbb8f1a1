"""What would become of a job, looked at before it is sent: the service's word, and whether its image has what the code
needs, which may be this server's own environment. Each answer is yes, no or unknown; a "no" says what to change."""

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
    """What the service says of the submission, and whether its image has the kernel and the top-level modules that are
    imported. ``folder`` goes along as the workspace, so what is imported may lie there. Raises ServiceError."""
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
    """Those of the asked-for modules and kernels that the image has; None: not known."""

    modules: frozenset[str] | None
    kernels: frozenset[str] | None


async def contents(service: Service, image: str, machine: str, names: list[str]) -> Contents:
    """What the service knows of the image, and where it knows nothing of this server's own, what is here."""
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
        return [result("packages", "unknown", "Which packages this image has is not known here.")]
    missing = [name for name in imports if name not in modules and name not in sys.stdlib_module_names]
    if missing:
        text = ", ".join(missing)
        return [result("packages", "no", f"This image lacks {text}: install it in the job's command, or take another.")]
    return [result("packages", "yes", "Available in this image.")]


def kernel(name: str, kernels: frozenset[str] | None) -> Check:
    if kernels is None:
        return result("kernel", "unknown", "Which kernels this image has is not known here.")
    if name in kernels:
        return result("kernel", "yes", "Available in this image.")
    return result("kernel", "no", f"This image has no kernel {name}; Python's default one would be used.")


def lies_in(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
