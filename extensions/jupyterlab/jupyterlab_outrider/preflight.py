"""What would go wrong with a job, looked at before it is sent. Each answer is yes, no or unknown; a "no" says what to
change."""

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


async def check(service: Service, wanted: dict[str, Any], folder: Path | None = None) -> list[Check]:
    """``image``, ``machine``, ``kernel`` and ``imports`` (top-level module names) of the job to be; ``folder`` goes
    along with it, so what is imported may lie there."""
    machines = (await service.call("GET", "/machines"))["items"]
    me = await service.call("GET", "/me")
    nodes = wanted.get("nodes")
    count = nodes if isinstance(nodes, int) and nodes > 1 else 1
    found = [fits(wanted.get("machine"), machines, count), within(wanted.get("machine"), machines, me, count)]
    names = [str(name) for name in wanted.get("imports") or [] if folder is None or not lies_in(folder, str(name))]
    if names or wanted.get("kernel"):
        has = await contents(service, str(wanted.get("image") or ""), str(wanted.get("machine") or ""), names)
        found += packages(names, has.modules)
        if wanted.get("kernel"):
            found.append(kernel(str(wanted["kernel"]), has.kernels))
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


def fits(name: Any, machines: list[dict[str, Any]], count: int = 1) -> Check:
    machine = next((m for m in machines if m["name"] == name), None)
    if machine is None:
        return result("machine", "no", f"There is no machine type {name!r}; choose another.")
    if machine["total"] == 0:
        text = f"The platform has no room for a {name} at all"
        return result("machine", "no", f"{text}: choose a smaller one{' or fewer GPUs' if machine['gpu'] else ''}.")
    if machine["total"] is not None and machine["total"] < count:
        return result("machine", "no", f"The platform has room for {machine['total']} of {name}; ask for no more.")
    if machine["free"] is None:
        return result("machine", "unknown", "What is free now is not known here.")
    if machine["free"] < count:
        text = "None is" if machine["free"] == 0 else f"Only {machine['free']} are"
        return result("machine", "yes", f"{text} free now; {machine['waiting']} jobs wait.")
    return result("machine", "yes")


def within(name: Any, machines: list[dict[str, Any]], me: dict[str, Any], count: int = 1) -> Check:
    gpus = count * next((m["gpu"] for m in machines if m["name"] == name), 0)
    most = me["limits"]["max_gpus"]
    if most is not None and gpus > most:
        return result("limits", "no", f"It has {gpus} GPUs and you may use {most} at once.")
    pending = me["limits"]["max_pending"]
    if pending is not None and me["usage"]["pending"] >= pending:
        return result("limits", "no", f"You have {pending} jobs waiting already; stop some first.")
    if any(budget["subject"] == f"user:{me['name']}" and _spent(budget) for budget in me.get("budgets", [])):
        return result("limits", "no", "Your budget of this month is spent; bill a group, or ask your admin.")
    return result("limits", "yes")


def _spent(budget: dict[str, Any]) -> bool:
    return budget["left"] is not None and budget["left"] <= 0


def packages(imports: list[str], modules: frozenset[str] | None) -> list[Check]:
    if not imports:
        return []
    if modules is None:
        return [result("packages", "unknown", "Which packages this image has is not known here.")]
    missing = [name for name in imports if name not in modules and name not in sys.stdlib_module_names]
    if missing:
        text = ", ".join(missing)
        return [result("packages", "no", f"This image lacks {text}: install it in the job's command, or take another.")]
    return [result("packages", "yes")]


def kernel(name: str, kernels: frozenset[str] | None) -> Check:
    if kernels is None:
        return result("kernel", "unknown", "Which kernels this image has is not known here.")
    if name in kernels:
        return result("kernel", "yes")
    return result("kernel", "no", f"This image has no kernel {name}; Python's default one would be used.")


def lies_in(folder: Path, name: str) -> bool:
    return (folder / f"{name}.py").is_file() or (folder / name).is_dir()


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
