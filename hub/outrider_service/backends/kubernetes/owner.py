"""Which installation owns an object. Pure; the only place that builds objects' names and decides what the service may
remove.

Several installations may share a namespace, and a database may be a copy of another's. So every object carries a mark,
derived from the database's installation id and the release, and its name contains the mark. An object that is removed
by name therefore belongs to this installation, even if the service may not read it (Secrets).

Objects of versions before the mark have neither. Those of this release that the database knows are adopted once, at the
first start after the upgrade.
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
    """An installation: the id in its database, and its release in a namespace."""

    namespace: str
    release: str
    installation: str
    prefix: str = "outrider"

    @cached_property
    def mark(self) -> str:
        """Differs between any two installations, even if one's database is a copy of the other's."""
        said = "\n".join((self.installation, self.namespace, self.release))
        return hashlib.sha256(said.encode()).hexdigest()[:MARK_LENGTH]

    # -- names and labels ---------------------------------------------------------------------------------------

    def object_name(self, ref: AttemptRef) -> str:
        """The name of the attempt's Job, Secret, Service and NetworkPolicy."""
        return f"{self.prefix}-{self.mark}-{ref.job_id}-{ref.number}"

    def unmarked_name(self, ref: AttemptRef) -> str:
        """Its name in versions before the mark."""
        return f"{self.prefix}-{ref.job_id}-{ref.number}"

    def notebook_secret_name(self, lease: str) -> str:
        """The Secret with which a notebook's image is pulled. Hashed, because user names are not valid object names."""
        return f"{self.prefix}-{self.mark}-notebook-{hashlib.sha256(lease.encode()).hexdigest()[:20]}-pull"

    def common_labels(self) -> dict[str, str]:
        """Labels of every object."""
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
        """Whether this installation created or adopted it."""
        return self.of_release(thing) and labels_of(thing).get(MARK_LABEL) == self.mark

    def may_adopt(self, thing: Object) -> bool:
        """Whether an object has the release's labels and no mark."""
        return self.of_release(thing) and MARK_LABEL not in labels_of(thing)


def pull_name(name: str) -> str:
    """The name of the Secret with which the image of the Job of that name is pulled."""
    return f"{name}-pull"


def unmarked_notebook_secret_name(prefix: str, lease: str) -> str:
    """A notebook's Secret in versions before the mark, with the same name in every installation."""
    return f"{prefix}-notebook-{hashlib.sha256(lease.encode()).hexdigest()[:20]}-pull"
