"""The choices of a person who starts a notebook server: the form, and what came back from it.

Pure: makes HTML from the catalog, and a checked choice from whatever was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from outrider_service.schema.catalog import Image, Machine
from outrider_service.schema.resources import SpawnRequest


class Choice(BaseModel):
    """What a person may choose. (What the service is told beside it, about the person, comes from the Hub.)"""

    model_config = ConfigDict(extra="forbid", strict=True)
    image: str | None = None
    machine: str | None = None
    group: str | None = None


class OptionsError(ValueError):
    """An option that cannot be used; the message names it."""


def read(options: Mapping[str, Any] | None) -> Choice:
    """The choice in ``options``, from the form or from the API; empty fields mean the default."""
    given = {name: value for name, value in (options or {}).items() if value not in ("", None)}
    try:
        return Choice.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]) or "options"
        if first["type"] == "extra_forbidden":
            allowed = ", ".join(Choice.model_fields)
            raise OptionsError(f"{name}: there is no such option; these are: {allowed}") from error
        raise OptionsError(f"{name}: {first['msg']}") from error


def request(choice: Choice, admin: bool, groups: Iterable[str]) -> SpawnRequest:
    """What the service is asked; a group must be one of the person's own."""
    member_of = sorted(groups)
    if choice.group is not None and choice.group not in member_of:
        raise OptionsError(f"group: you are not a member of {choice.group!r}")
    return SpawnRequest(
        image=choice.image,
        machine=choice.machine,
        group=choice.group,
        user_admin=admin,
        user_groups=member_of,
    )


def from_form(form: Mapping[str, list[str]]) -> dict[str, str]:
    """The form's fields, each with its first value."""
    return {name: values[0] for name, values in form.items() if values}


def form(images: Iterable[Image], machines: Iterable[Machine], chosen: Choice) -> str:
    """The two choices as an HTML fragment; JupyterHub puts the form and its button around it."""
    image_options = [(image.name, image.title) for image in images]
    machine_options = [(machine.name, describe(machine)) for machine in machines]
    return _select("image", "Environment", image_options, chosen.image) + _select(
        "machine", "Machine", machine_options, chosen.machine
    )


def describe(machine: Machine) -> str:
    """One machine type in a line: size, price, and what is free now."""
    size = f"{machine.cpu:g} CPU, {machine.memory_mb / 1024:.3g} GB"
    if machine.gpu:
        size += f", {machine.gpu} × {machine.gpu_model or 'GPU'}"
    price = f"{machine.price_per_hour:.2f} per hour" if machine.price_per_hour else "free of charge"
    room = "" if machine.free is None else f" · {machine.free} free now"
    return f"{machine.title} ({size}) · {price}{room}"


def _select(name: str, label: str, options: list[tuple[str, str]], chosen: str | None) -> str:
    rows = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(text)}</option>'
        for value, text in options
    )
    return (
        f'<div class="mb-3"><label class="form-label" for="outrider-{name}">{label}</label>'
        f'<select class="form-select" id="outrider-{name}" name="{name}">{rows}</select></div>'
    )
