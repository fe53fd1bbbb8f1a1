"""Text for the pages: images, machine types and times from the service's answers. Pure."""

from __future__ import annotations

from datetime import datetime

from outrider_service.contracts.spawning import ImageFacts, Machine
from outrider_service.contracts.stopping import duration

GIB = 2**30
ADVICE = {
    "ok": "",
    "not_found": "Check the spelling of the name and tag. A new tag may not have been pushed yet.",
    "not_allowed": "Check the spelling. If the image is private, add its registry's password in Settings.",
    "wrong_architecture": "Use a tag built for this architecture, or build one with docker buildx --platform.",
    "rate_limited": "Wait, or add a registry password in Settings: logged-in users get a higher limit.",
    "unreachable": "Check the registry's host name. If it is correct, try again in a few minutes.",
    "not_an_image": "This reference is not a container image (it may be a Helm chart). Use an image reference.",
    "refused": "Registries on private networks must be allowed by an administrator.",
}
"""What to do about each result of an image check."""


def sentence(problem: str) -> str:
    """A field's problem as a sentence of its own, with a capital letter and a full stop."""
    text = problem[:1].upper() + problem[1:]
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def size(bytes_: int | None) -> str:
    if bytes_ is None:
        return ""
    return f"{bytes_ / GIB:.1f} GiB" if bytes_ >= GIB / 10 else f"{max(1, round(bytes_ / 2**20))} MiB"


def day(time: datetime | None) -> str:
    return "" if time is None else f"{time.day} {time:%B %Y}"


def short(digest: str | None) -> str:
    """The first 12 digits of a digest."""
    return "" if digest is None else digest.removeprefix("sha256:")[:12]


def facts_of(facts: ImageFacts | None, pinned: str | None) -> list[str]:
    """Facts about an image, a few words each."""
    found = []
    if facts is not None:
        found += [f"CUDA {facts.cuda}"] if facts.cuda else []
        found += [f"{size(facts.size)} download"] if facts.size else []
        found += [f"updated {day(facts.created_at)}"] if facts.created_at else []
    if pinned:
        found.append(f"pinned to {short(pinned)}")
    if facts is not None and facts.moved_at is not None:
        found.append(f"tag changed on {day(facts.moved_at)}")
    return found


def machine_size(machine: Machine) -> str:
    memory = f"{machine.memory_mb / 1024:.3g} GiB" if machine.memory_mb >= 1024 else f"{machine.memory_mb} MiB"
    parts = [f"{machine.cpu:g} CPU", memory]
    if machine.gpu:
        parts.append(f"{machine.gpu} × {machine.gpu_model or 'GPU'}")
    return " · ".join(parts)


def price(machine: Machine) -> str:
    amount = machine.price_per_hour
    if not amount:
        return "no charge"
    return (f"{amount:.2f}" if amount >= 0.01 else f"{amount:.1g}") + " per hour"


def free_now(machine: Machine) -> str:
    if machine.free is None:
        return "availability unknown"
    if machine.total == 0:
        return "not available on this platform"
    return f"{machine.free} of {machine.total} free now" if machine.total is not None else f"{machine.free} free now"


def stops(machine: Machine, usual_idle_s: float) -> str:
    """When a notebook on this machine type stops by itself under the default settings."""
    idle = usual_idle_s if machine.idle_timeout_s is None else machine.idle_timeout_s
    found = [f"after {duration(idle)} idle"] if idle else []
    if machine.gpu_idle_timeout_s:
        found.append(f"after its GPU is idle for {duration(machine.gpu_idle_timeout_s)}")
    if machine.max_age_s:
        found.append(f"after {duration(machine.max_age_s)} even if in use")
    return "Stops " + ", or ".join(found) if found else "Runs until you stop it"


def when_again(facts: ImageFacts) -> str:
    return f" Try again after {facts.try_again_at:%H:%M} UTC." if facts.try_again_at else ""
