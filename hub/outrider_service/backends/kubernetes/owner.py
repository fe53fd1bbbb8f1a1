"""Whose an object is. Pure; the only place that spells objects' names and decides what the service may remove.

Several installations may share a namespace, and a database may be a copy of another's. So every object bears a mark
made of the database's installation id and of the release, and its name has the mark in it: what is removed by its name
is this installation's by construction, also where the service may not read what it removes (Secrets).

Objects of versions before the mark have neither. They are taken over once, at the first start after the upgrade: those
of this release that the database knows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from ..base import AttemptRef
from .names import ATTEMPT_LABEL, INSTANCE_LABEL, JOB_LABEL, MANAGER_LABEL, MARK_LABEL, PART_LABEL, PART_OF_LABEL

Object = dict[str, Any]
MARK_LENGTH: Final = 10


def labels_of(thing: Object) -> dict[str, str]:
    found: dict[str, str] = (thing.get("metadata") or {}).get("labels") or {}
    return found


@dataclass(frozen=True)
class Owner:
    """One installation: the id that its database holds, and its release in a namespace."""

    namespace: str
    release: str
    installation: str
    prefix: str = "outrider"

    @cached_property
    def mark(self) -> str:
        """Differs between any two installations, also where one's database is a copy of the other's."""
        said = "\n".join((self.installation, self.namespace, self.release))
        return hashlib.sha256(said.encode()).hexdigest()[:MARK_LENGTH]

    # -- names and labels ---------------------------------------------------------------------------------------

    def object_name(self, ref: AttemptRef) -> str:
        """The name of the attempt's Job, Secret, Service and NetworkPolicy alike."""
        return f"{self.prefix}-{self.mark}-{ref.job_id}-{ref.number}"

    def unmarked_name(self, ref: AttemptRef) -> str:
        """The same by versions before the mark."""
        return f"{self.prefix}-{ref.job_id}-{ref.number}"

    def notebook_secret_name(self, lease: str) -> str:
        """The Secret with which a notebook's image is pulled. Users' names are no names of objects."""
        return f"{self.prefix}-{self.mark}-notebook-{hashlib.sha256(lease.encode()).hexdigest()[:20]}-pull"

    def common_labels(self) -> dict[str, str]:
        """On every object."""
        return {
            MANAGER_LABEL: "outrider",
            PART_OF_LABEL: "outrider",
            INSTANCE_LABEL: self.release,
            MARK_LABEL: self.mark,
        }

    def labels(self, ref: AttemptRef) -> dict[str, str]:
        return self.common_labels() | {
            PART_LABEL: "job",
            JOB_LABEL: ref.job_id,
            ATTEMPT_LABEL: str(ref.number),
        }

    def notebook_labels(self) -> dict[str, str]:
        return self.common_labels() | {PART_LABEL: "notebook"}

    # -- decisions ----------------------------------------------------------------------------------------------

    def of_release(self, thing: Object) -> bool:
        return labels_of(thing).get(INSTANCE_LABEL) == self.release

    def made(self, thing: Object) -> bool:
        """Whether this installation made it, or has taken it over."""
        return self.of_release(thing) and labels_of(thing).get(MARK_LABEL) == self.mark

    def may_adopt(self, thing: Object) -> bool:
        """Whether an object bears the release's labels and nobody's mark."""
        return self.of_release(thing) and MARK_LABEL not in labels_of(thing)


def pull_name(name: str) -> str:
    """The name of the Secret with which the image of the Job of that name is pulled."""
    return f"{name}-pull"


def unmarked_notebook_secret_name(prefix: str, lease: str) -> str:
    """What a notebook's Secret was called by versions before the mark, in every installation alike."""
    return f"{prefix}-notebook-{hashlib.sha256(lease.encode()).hexdigest()[:20]}-pull"
