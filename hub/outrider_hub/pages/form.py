"""The spawn page as data: the options, the current choice and the errors. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from outrider_service.contracts.spawning import Image, Machine, Offer
from outrider_service.contracts.stopping import duration

from ..spawner.options import OTHER
from . import formatting

HOUR_S = 3600
TIMES_S = (HOUR_S, 2 * HOUR_S, 4 * HOUR_S, 8 * HOUR_S, 12 * HOUR_S, 24 * HOUR_S, 72 * HOUR_S, 168 * HOUR_S)
"""The options for the automatic stop."""
LABELS = {
    "image": "Image",
    "other_image": "Custom image",
    "machine": "Machine",
    "max_age_s": "Stop after",
    "idle_timeout_s": "Stop when idle for",
    "git_url": "Git repository",
    "git_ref": "Branch, tag or commit",
    "group": "Bill to",
}
"""Field labels, in page order."""


@dataclass(frozen=True, slots=True)
class ImageCard:
    value: str
    title: str
    description: str
    icon: str
    name: str
    own: bool
    facts: list[str]
    refusal: str
    """Why a notebook cannot use this image; empty if it can."""
    chosen: bool
    sought: str
    """The text that the search box matches."""


@dataclass(frozen=True, slots=True)
class MachineCard:
    value: str
    title: str
    description: str
    size: str
    price: str
    free: str
    stops: str
    preemptible: bool
    refusal: str
    most_age_s: int
    """0 means no limit."""
    most_idle_s: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class SpawnForm:
    """What the template shows. ``values`` holds the current field values."""

    images: list[ImageCard]
    machines: list[MachineCard]
    times: list[tuple[int, str]]
    groups: list[str]
    values: Mapping[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    sandboxed: bool = False
    """Every machine type here runs a Python environment in place of the image."""

    @property
    def other(self) -> bool:
        """A custom image is selected, or no card is."""
        return self.values.get("image") == OTHER or not any(card.chosen for card in self.images)


def form(
    offer: Offer, values: Mapping[str, str], groups: list[str], errors: Mapping[str, str] | None = None
) -> SpawnForm:
    """``values`` holds what the user typed or last chose; options that no longer exist are not selected."""
    sandboxed = all(machine.cluster in offer.sandboxed for machine in offer.machines)
    return SpawnForm(
        images=_images(offer, values, sandboxed),
        machines=_machines(offer, values.get("machine", "")),
        times=[(seconds, duration(seconds)) for seconds in _times(values)],
        groups=groups,
        values=values,
        errors={name: text for name, text in (errors or {}).items() if name in LABELS},
        sandboxed=sandboxed,
    )


def _times(values: Mapping[str, str]) -> list[int]:
    """The standard options, and any other value that is already set."""
    chosen = [values.get(name, "") for name in ("max_age_s", "idle_timeout_s")]
    return sorted({*TIMES_S, *(int(text) for text in chosen if text.isascii() and text.isdecimal() and int(text) > 0)})


def _first(usable: list[str], wanted: str) -> str:
    return wanted if wanted in usable or not usable else usable[0]


def _images(offer: Offer, values: Mapping[str, str], sandboxed: bool) -> list[ImageCard]:
    refusals = offer.unusable if sandboxed else {}
    wanted = values.get("image", "")
    usable = [image.name for image in offer.images if image.name not in refusals]
    chosen = wanted if wanted == OTHER else _first(usable, wanted)
    return [_image(offer, image, refusals.get(image.name, ""), sandboxed, chosen) for image in offer.images]


def _image(offer: Offer, image: Image, refusal: str, sandboxed: bool, chosen: str) -> ImageCard:
    facts = formatting.facts_of(image.facts, image.digest)
    sought = " ".join([image.title, image.name, image.description, *facts]).lower()
    if sandboxed:
        # The image itself does not run here, so its facts do not matter.
        own = image.environment in (None, offer.environment)
        facts = ["runs in Outrider's own Python environment" if own else f"runs in {image.environment}"]
    return ImageCard(
        value=image.name,
        title=image.title,
        description=image.description,
        icon=image.icon or image.title[:1].upper(),
        name=image.name,
        own=image.owner is not None,
        facts=facts,
        refusal=refusal,
        chosen=image.name == chosen and not refusal,
        sought=sought,
    )


def _machines(offer: Offer, wanted: str) -> list[MachineCard]:
    usable = [machine.name for machine in offer.machines if machine.name not in offer.refusals]
    chosen = _first(usable, wanted)
    return [machine_card(offer, machine, machine.name == chosen) for machine in offer.machines]


def machine_card(offer: Offer, machine: Machine, chosen: bool) -> MachineCard:
    idle = offer.idle_timeout_s if machine.idle_timeout_s is None else machine.idle_timeout_s
    refusal = offer.refusals.get(machine.name, "")
    return MachineCard(
        value=machine.name,
        title=machine.title,
        description=machine.description,
        size=formatting.machine_size(machine),
        price=formatting.price(machine),
        free=formatting.free_now(machine),
        stops=formatting.stops(machine, offer.idle_timeout_s),
        preemptible=machine.preemptible,
        refusal=formatting.sentence(refusal),
        most_age_s=machine.max_age_s or 0,
        most_idle_s=int(idle),
        chosen=chosen and not refusal,
    )


def live(offer: Offer) -> list[dict[str, Any]]:
    """The parts of the machine cards that change while the page is open."""
    cards = [machine_card(offer, machine, False) for machine in offer.machines]
    return [{"machine": card.value, "free": card.free, "refusal": card.refusal} for card in cards]
