"""Kueue on the cluster: its manager built from its Go module, installed from the chart that the module brings."""

from __future__ import annotations

import subprocess

import yaml

from .boot import kubectl
from .images import push_single_file
from .programs import go_programs, module_folder

NAMESPACE = "kueue-system"
FEATURES = {"VisibilityOnDemand": False}
"""Its own API is an extension of the API server's, for which this cluster has no certificates."""


def install() -> None:
    """Idempotent; returns when its webhooks answer."""
    image, _, tag = push_single_file("outrider-test/kueue", go_programs("kueue")["kueue"], "manager").rpartition(":")
    manager = {
        "image": {"repository": image, "tag": tag, "pullPolicy": "IfNotPresent"},
        "resources": {"requests": {"cpu": "20m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
    }
    values = {
        "controllerManager": {
            "manager": manager,
            "featureGates": [{"name": name, "enabled": on} for name, on in FEATURES.items()],
            "readinessProbe": {"initialDelaySeconds": 1, "periodSeconds": 1},
        }
    }
    chart = module_folder("kueue", "sigs.k8s.io/kueue") / "charts" / "kueue"
    command = [str(go_programs("helm")["helm"]), "template", "kueue", str(chart), "-n", NAMESPACE, "-f", "-"]
    told = subprocess.run(command, input=yaml.safe_dump(values), capture_output=True, text=True, check=True).stdout
    wanted = [thing for thing in yaml.safe_load_all(told) if thing and thing["kind"] != "APIService"]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([namespace, *wanted]))
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/kueue-controller-manager", "--timeout=110s")


def remove() -> None:
    """The webhooks first: without a manager they would refuse every Job of the cluster."""
    hooks = "mutatingwebhookconfiguration,validatingwebhookconfiguration"
    kubectl("delete", hooks, "-l", "app.kubernetes.io/name=kueue", check=False)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false", check=False)
