"""Validates a user's choices for a notebook server, from the form or the API. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from outrider_service.contracts.spawning import ImageName, NotebookStart, SpawnRequest, in_words

OTHER = "?other"
"""The form's value for the image when another name is typed; not a valid image name."""
NUMBERS = ("max_age_s", "idle_timeout_s")
SECONDS = "must be a number of seconds"


class Choice(NotebookStart):
    """A user's choices. (What the service needs to know about the user comes from the Hub.)"""

    other_image: ImageName | None = None
    """An image from any registry; it is checked and becomes one of the user's own."""


class OptionsError(ValueError):
    """Invalid options; ``errors`` maps each to what is wrong."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)


def read(options: Mapping[str, Any] | None) -> Choice:
    """The choices in ``options``, from the form or the API; empty fields mean the default."""
    given = {name: value for name, value in (options or {}).items() if value not in ("", None)}
    errors: dict[str, str] = {}
    try:
        found = Choice.model_validate(given)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            name = ".".join(str(part) for part in each["loc"]) or "options"
            text = SECONDS if each["type"] in ("int_parsing", "int_type") else in_words(each)
            if each["type"] == "extra_forbidden":
                text = f"unknown option; the options are: {', '.join(Choice.model_fields)}"
            errors.setdefault(name, text)
    else:
        if found.git_ref is not None and found.git_url is None:
            errors["git_url"] = "a branch, tag or commit needs the address of its repository"
    if errors:
        raise OptionsError(errors)
    return found


def request(choice: Choice, admin: bool, groups: Iterable[str]) -> SpawnRequest:
    """The request to the service; a group must be one of the user's own."""
    member_of = sorted(groups)
    if choice.group is not None and choice.group not in member_of:
        raise OptionsError({"group": f"you are not a member of {choice.group!r}"})
    chosen = choice.model_dump(exclude={"other_image"})
    if choice.other_image is not None:
        chosen |= {"image": choice.other_image, "add_image": True}
    return SpawnRequest(**chosen, user_admin=admin, user_groups=member_of)


def typed(form: Mapping[str, list[str]]) -> dict[str, str]:
    """The form's fields as filled in, without the page's own hidden ones."""
    return {name: values[0].strip() for name, values in form.items() if values and not name.startswith("_")}


def from_form(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """The form's fields as valid options. Raises OptionsError with all invalid ones."""
    found: dict[str, Any] = {name: value for name, value in typed(form).items() if value}
    errors = {}
    if found.get("image") == OTHER:
        del found["image"]
        if "other_image" not in found:
            errors["other_image"] = "enter the image's name, or choose another one"
    else:
        found.pop("other_image", None)
    for name in NUMBERS:
        if name in found:
            text = found[name]
            if text.isascii() and text.isdecimal() and len(text) < 12:
                found[name] = int(text)
            else:
                del found[name]
                errors[name] = SECONDS
    try:
        read(found)
    except OptionsError as error:
        errors |= error.errors
    if errors:
        raise OptionsError(errors)
    return found


def as_typed(options: Mapping[str, Any]) -> dict[str, str]:
    """An earlier start's options as form fields."""
    found = {name: str(value) for name, value in options.items() if isinstance(value, str | int) and value != ""}
    if "other_image" in found:
        # By now it is one of the user's own images.
        found["image"] = found.pop("other_image")
    return found
