"""What names may look like: of jobs, labels and images. Pure, and imports nothing of the service."""

from __future__ import annotations

import re
import unicodedata
from typing import Annotated

from pydantic import AfterValidator, Field

NAME_PUNCTUATION = frozenset(" ._-/:+=@,()#'")
NAME_MAX = 128


def _display_name(value: str) -> str:
    """A name for people: letters and digits of any script, spaces and a little punctuation."""
    if not value.strip():
        raise ValueError("must not be empty")
    if value != value.strip():
        raise ValueError("must not begin or end with a space")
    for char in value:
        if char not in NAME_PUNCTUATION and unicodedata.category(char)[0] not in "LNM":
            raise ValueError(f"may hold letters, digits, spaces and ._-/:+=@,()#' but not {char!r}")
    return value


def _label(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", value):
        raise ValueError("may hold letters, digits and . _ - and must begin and end with a letter or digit")
    return value


def image_reference(value: str) -> str:
    """What can be an image's name at all; its registry's rules are held when it is asked."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._/:@-]*", value):
        raise ValueError("must be an image reference such as python:3.11 or ghcr.io/team/image:tag")
    return value


Name = Annotated[str, Field(max_length=NAME_MAX), AfterValidator(_display_name)]
Label = Annotated[str, Field(min_length=1, max_length=63), AfterValidator(_label)]
