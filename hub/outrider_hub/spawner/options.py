"""The choices of a person who starts a notebook server, checked, whether a form or the API sent them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from outrider_service.contracts.spawning import ImageName, NotebookStart, SpawnRequest, in_words

OTHER = "?other"
"""What the form sends as the image when the name of another one is typed; no image can be called so."""
NUMBERS = ("max_age_s", "idle_timeout_s")
SECONDS = "must be a number of seconds"


class Choice(NotebookStart):
    """What a person may choose. (What the service is told beside it, about the person, comes from the Hub.)"""

    other_image: ImageName | None = None
    """Any image of any registry; it is checked, and becomes one of the person's own."""


class OptionsError(ValueError):
    """Options that cannot be used; ``errors`` says what is wrong with each."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {text}" for name, text in errors.items()))
        self.errors = dict(errors)


def read(options: Mapping[str, Any] | None) -> Choice:
    """The choice in ``options``, from the form or from the API; empty fields mean the default."""
    given = {name: value for name, value in (options or {}).items() if value not in ("", None)}
    errors: dict[str, str] = {}
    try:
        found = Choice.model_validate(given)
    except ValidationError as error:
        for each in error.errors(include_url=False):
            name = ".".join(str(part) for part in each["loc"]) or "options"
            text = SECONDS if each["type"] in ("int_parsing", "int_type") else in_words(each)
            if each["type"] == "extra_forbidden":
                text = f"there is no such option; these are: {', '.join(Choice.model_fields)}"
            errors.setdefault(name, text)
    else:
        if found.git_ref is not None and found.git_url is None:
            errors["git_url"] = "a branch, tag or commit needs the address of its repository"
    if errors:
        raise OptionsError(errors)
    return found


def request(choice: Choice, admin: bool, groups: Iterable[str]) -> SpawnRequest:
    """What the service is asked; a group must be one of the person's own."""
    member_of = sorted(groups)
    if choice.group is not None and choice.group not in member_of:
        raise OptionsError({"group": f"you are not a member of {choice.group!r}"})
    chosen = choice.model_dump(exclude={"other_image"})
    if choice.other_image is not None:
        chosen |= {"image": choice.other_image, "add_image": True}
    return SpawnRequest(**chosen, user_admin=admin, user_groups=member_of)


def typed(form: Mapping[str, list[str]]) -> dict[str, str]:
    """The form's fields as they were filled in, without those that a page carries for itself."""
    return {name: values[0].strip() for name, values in form.items() if values and not name.startswith("_")}


def from_form(form: Mapping[str, list[str]]) -> dict[str, Any]:
    """The form's fields as options, each of which can be. Raises OptionsError with all that cannot."""
    found: dict[str, Any] = {name: value for name, value in typed(form).items() if value}
    errors = {}
    if found.get("image") == OTHER:
        del found["image"]
        if "other_image" not in found:
            errors["other_image"] = "write the image's name, or choose another one"
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
    """Options of an earlier start as they would be filled in."""
    found = {name: str(value) for name, value in options.items() if isinstance(value, str | int) and value != ""}
    if "other_image" in found:
        # By now it is one of the person's own.
        found["image"] = found.pop("other_image")
    return found
