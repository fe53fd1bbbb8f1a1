"""The operator's settings for the Kubernetes platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from ...names import Label
from .owner import Owner


class KubernetesSettings(BaseModel):
    """The ``kubernetes`` part of the configuration; the chart writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cluster: Label = "default"
    """The platform's name in machine types and jobs."""
    kubeconfig: str | None = None
    """The kubeconfig; None: the service's own account in the cluster."""
    namespace: str = "default"
    """Where jobs run."""
    volume_claim: str = "outrider"
    """The PersistentVolumeClaim, in that namespace, of the service's home volume."""
    runner_image: str
    """The image for init containers, which has git and a Python."""
    images: dict[str, str] = Field(default_factory=dict)
    """References by catalog name, for names that are not references themselves."""
    uid: Annotated[int, Field(ge=1)] = 1000
    """User and group of every job's processes; the service runs as the same, because they share the volume."""
    pull_secrets: tuple[str, ...] = ()
    hub_url: str | None = None
    """The Hub's URL for jobs."""
    priority_classes: dict[str, str] = Field(default_factory=dict)
    """PriorityClass by the lowest priority that gets it ("0": name, "10": name)."""
    queue: str | None = None
    """Kueue's LocalQueue for jobs."""
    pod_options: dict[str, Any] = Field(default_factory=dict)
    """Merged into each pod's specification: a runtime class, tolerations, an admin's affinity."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """Additional labels of each job's pod, for another chart's network policies."""
    instance: str = "outrider"
    """The installation's name, a label of every pod, used by network policies."""
    prefix: Label = "outrider"
    """Prefix of all objects' names."""
    installation: str = ""
    """The id from the database. Set by the service when it starts; not for the file."""

    @property
    def owner(self) -> Owner:
        """The owner of objects created with these settings."""
        return Owner(self.namespace, self.instance, self.installation, self.prefix)


def load_settings(path: Path) -> KubernetesSettings:
    """Read and validate the file. Raises ValueError naming the offending field."""
    with path.open(encoding="utf-8") as file:
        return KubernetesSettings.model_validate(yaml.safe_load(file))
