"""What the operator decides about the platform on Kubernetes."""

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
    """How to reach the cluster; None: the service's own account in it."""
    namespace: str = "default"
    """Where jobs run."""
    volume_claim: str = "outrider"
    """The claim, in that namespace, of the volume that the service has at its home."""
    runner_image: str
    """The image whose init container brings the runner."""
    images: dict[str, str] = Field(default_factory=dict)
    """References by names of the catalog, where the name is not itself a reference."""
    uid: Annotated[int, Field(ge=1)] = 1000
    """User and group of every job's processes; the service runs as the same, for the volume is theirs together."""
    pull_secrets: tuple[str, ...] = ()
    hub_url: str | None = None
    """Where jobs reach the Hub."""
    priority_classes: dict[str, str] = Field(default_factory=dict)
    """PriorityClass by the least priority that has it ("0": name, "10": name)."""
    queue: str | None = None
    """The LocalQueue of Kueue to which jobs go."""
    pod_options: dict[str, Any] = Field(default_factory=dict)
    """Merged into each pod's specification: a runtime class, tolerations, an admin's affinity."""
    pod_labels: dict[str, str] = Field(default_factory=dict)
    """On each job's pod besides its own: what another chart's network policies go by."""
    instance: str = "outrider"
    """The installation's name, on every pod: network policies go by it."""
    prefix: Label = "outrider"
    """What the names of all objects begin with."""
    installation: str = ""
    """The id that the database holds. The service fills it in when it starts; it belongs in no file."""

    @property
    def owner(self) -> Owner:
        """Whose objects are made with these settings."""
        return Owner(self.namespace, self.instance, self.installation, self.prefix)


def load_settings(path: Path) -> KubernetesSettings:
    """Read and check the file. Raises ValueError with the offending field's name."""
    with path.open(encoding="utf-8") as file:
        return KubernetesSettings.model_validate(yaml.safe_load(file))
