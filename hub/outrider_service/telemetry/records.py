"""What a job's runner says about itself on the output: the form of each record, checked before anything acts on it.

A job can forge these lines: it writes to the same output. A record is therefore data like any other that a user sends:
what does not have one of the forms below is refused as a whole, and never raises.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

LONGEST_RECORD: Final = 64 * 1024
"""Bytes. A system record of 16 GPUs has some 4 KiB."""
LARGEST_COUNT: Final = 2**53 - 1
"""What JavaScript and JSON hold exactly."""
MOST_GPUS: Final = 64

Count = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
Measure = Annotated[float, Field(allow_inf_nan=False)]


class _Form(BaseModel):
    """Fields that a newer runner adds are no reason to refuse a record."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Workspace(_Form):
    """The workspace is ready; ``commit`` is what a Git reference stood for."""

    type: Literal["workspace"]
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")] | None = None


class WorkspaceFailed(_Form):
    type: Literal["workspace_failed"]
    message: str = ""


class Started(_Form):
    type: Literal["started"]


class Progress(_Form):
    type: Literal["progress"]
    done: Count
    total: Count | None = None
    text: str | None = None


class Gpu(_Form):
    """A measurement that failed is None."""

    index: Annotated[int, Field(ge=0, le=1023)]
    utilisation: Measure | None = None
    memory_used: Measure | None = None
    power: Measure | None = None
    temperature: Measure | None = None


class System(_Form):
    """``cpu`` in percent of one core, ``memory`` in bytes."""

    type: Literal["system"]
    cpu: Measure | None = None
    memory: Measure | None = None
    gpus: Annotated[list[Gpu], Field(max_length=MOST_GPUS)] | None = None


class Exited(_Form):
    """The platform itself says how a job ended; this is for whoever reads the raw output."""

    type: Literal["exited"]


Record = Workspace | WorkspaceFailed | Started | Progress | System | Exited

_form: TypeAdapter[Record] = TypeAdapter(Annotated[Record, Field(discriminator="type")])


def read_record(text: bytes) -> Record | None:
    """The record in a line without its separator, or None if it has no known form. Never raises."""
    if len(text) > LONGEST_RECORD:
        return None
    try:
        return _form.validate_python(orjson.loads(text))
    except (orjson.JSONDecodeError, ValidationError):
        return None
