"""What people read of images, machines and times: pure functions from the service's answers to text."""

from __future__ import annotations

from datetime import datetime

from outrider_service.contracts.spawning import ImageFacts, Machine
from outrider_service.contracts.stopping import duration

GIB = 2**30
ADVICE = {
    "ok": "",
    "not_found": "Check the spelling of the name and the tag; a new tag may not be pushed yet.",
    "not_allowed": "Check the spelling. If the image is private, keep its registry's account under Settings, Secrets, "
    "and ask again.",
    "wrong_architecture": "Use a tag that was built for these machines, or build it with docker buildx --platform.",
    "rate_limited": "Wait until then; with an account of yours at the registry (Settings, Secrets) it allows more.",
    "unreachable": "Check the registry's name. If it is right, try again in a few minutes.",
    "not_an_image": "The name leads to something else that registries keep, such as a chart. Use an image's name.",
    "refused": "Registries inside this network are asked only if an administrator allows them.",
}
"""What to do about each answer of a registry."""


def sentence(problem: str) -> str:
    """What is wrong with a field, as it stands alone: with a capital letter and a full stop."""
    text = problem[:1].upper() + problem[1:]
    return text if not text or text.endswith((".", "?", "!")) else f"{text}."


def size(bytes_: int | None) -> str:
    if bytes_ is None:
        return ""
    return f"{bytes_ / GIB:.1f} GiB" if bytes_ >= GIB / 10 else f"{max(1, round(bytes_ / 2**20))} MiB"


def day(time: datetime | None) -> str:
    return "" if time is None else f"{time.day} {time:%B %Y}"


def short(digest: str | None) -> str:
    """As much of a digest as tells two apart."""
    return "" if digest is None else digest.removeprefix("sha256:")[:12]


def facts_of(facts: ImageFacts | None, pinned: str | None) -> list[str]:
    """What is known of an image, each in a few words."""
    found = []
    if facts is not None:
        found += [f"CUDA {facts.cuda}"] if facts.cuda else []
        found += [f"{size(facts.size)} to download"] if facts.size else []
        found += [f"updated {day(facts.created_at)}"] if facts.created_at else []
    if pinned:
        found.append(f"pinned to {short(pinned)}")
    if facts is not None and facts.moved_at is not None:
        found.append(f"its tag moved on {day(facts.moved_at)}")
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
        return "free now: not known"
    if machine.total == 0:
        return "none here"
    return f"{machine.free} of {machine.total} free now" if machine.total is not None else f"{machine.free} free now"


def stops(machine: Machine, usual_idle_s: float) -> str:
    """When a notebook on it stops by itself, if nothing else is chosen."""
    idle = usual_idle_s if machine.idle_timeout_s is None else machine.idle_timeout_s
    found = [f"when not used for {duration(idle)}"] if idle else []
    if machine.gpu_idle_timeout_s:
        found.append(f"when its GPU did nothing for {duration(machine.gpu_idle_timeout_s)}")
    if machine.max_age_s:
        found.append(f"after {duration(machine.max_age_s)} in any case")
    return "Stops " + ", or ".join(found) if found else "Runs until you stop it"


def when_again(facts: ImageFacts) -> str:
    return f" Try again after {facts.try_again_at:%H:%M} UTC." if facts.try_again_at else ""
