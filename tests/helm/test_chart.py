"""The chart as helm renders it: what values it takes, what rights and walls it makes. Needs no cluster."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from outrider_hub.config_kubernetes import from_environment
from outrider_hub.demands import COOKIE_BYTES, password_problem
from outrider_hub.settings import chosen_origins
from outrider_service.backends.kubernetes import KubernetesSettings
from tests.cluster.harness.places import CHECKOUT
from tests.cluster.harness.programs import Missing, go_programs

CHART = CHECKOUT / "helm/outrider"
SECRETS = "checksum/secret"
Documents = list[dict[str, Any]]


@pytest.fixture(scope="session")
def helm() -> str:
    if (found := shutil.which("helm")) is not None:
        return found
    try:
        return str(go_programs("helm")["helm"])
    except (Missing, FileNotFoundError) as error:
        if os.environ.get("OUTRIDER_HELM") == "required":
            raise
        pytest.skip(f"helm is not installed, and cannot be built without Go: {error}")


def template(helm: str, values: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [helm, "template", "prod", str(CHART), "--namespace", "ns", "--kube-version", "1.34.0", "-f", "-"]
    return subprocess.run(command, input=json.dumps(values), capture_output=True, text=True, check=False)


def rendered(helm: str, **values: Any) -> Documents:
    done = template(helm, values)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def of_kind(documents: Documents, kind: str) -> dict[str, dict[str, Any]]:
    return {d["metadata"]["name"]: d for d in documents if d["kind"] == kind}


EVERYTHING: dict[str, Any] = {
    "publicUrl": "https://notebooks.example.org",
    "notebooksDomain": "*.users.example.net",
    "appsDomain": "apps.example.org",
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
    "images": {"prepull": ["a:1", "b:2"], "pullSecrets": ["registry"]},
    "serviceMonitor": {"enabled": True},
    "hub": {"databaseUrl": "postgresql+psycopg://a:b@db/hub", "config": {"10.py": "c.X.y = 1"}},
    "service": {"databaseUrl": "postgresql://a:b@db/outrider"},
    "jobs": {"queue": "team", "podOptions": {"runtimeClassName": "nvidia"}},
    "storage": {"accessMode": "ReadWriteMany", "storageClassName": "nfs"},
    "catalog": {
        "machines": [
            {
                "name": "a100-spot",
                "cpu": 8,
                "memory_mb": 65536,
                "gpu": 2,
                "gpu_resource": "nvidia.com/mig-1g.10gb",
                "price_per_hour": 1.1,
                "preemptible": True,
                "node_selector": {"cloud.google.com/gke-spot": "true"},
                "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}, {"key": "x", "tolerationSeconds": 60}],
                "scales_from_zero": True,
            }
        ]
    },
}


def test_the_curated_images_can_be_had_before_anybody_asks(helm: str) -> None:
    mapped = {"outrider/pytorch": "registry.example.org/pytorch:2"}
    documents = rendered(helm, images={"prepull": ["a:1"], "prepullCatalog": True, "catalog": mapped})
    (daemons,) = of_kind(documents, "DaemonSet").values()
    pod = daemons["spec"]["template"]["spec"]
    pulled = [container["image"] for container in pod["initContainers"]]
    assert pulled[0] == "a:1"
    assert "registry.example.org/pytorch:2" in pulled
    # Each one that is named and not mapped is built from images/.
    curated = [image.removeprefix("outrider/") for image in pulled if image.startswith("outrider/")]
    assert curated
    assert all((CHECKOUT / "images" / name / "Dockerfile").exists() for name in curated)
    assert not of_kind(rendered(helm), "DaemonSet")


def test_beside_another_charts_hub_there_is_the_service_alone(helm: str) -> None:
    external = {"apiUrl": "http://hub:8081/hub/api", "proxyUrl": "http://proxy-public"}
    documents = rendered(helm, hub={"external": external})
    (service,) = of_kind(documents, "Deployment").values()
    assert service["metadata"]["name"].endswith("-service")
    env = {entry["name"]: entry.get("value") for entry in service["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert env["JUPYTERHUB_API_URL"] == external["apiUrl"]
    assert len(of_kind(documents, "PersistentVolumeClaim")) == 1
    assert not any("hub" in name for name in of_kind(documents, "Role"))
    settings = yaml.safe_load(of_kind(documents, "ConfigMap")["prod-service"]["data"]["kubernetes.yaml"])
    assert KubernetesSettings.model_validate(settings).hub_url == external["proxyUrl"]
    policies = of_kind(documents, "NetworkPolicy")
    assert set(policies) == {"prod-service", "prod-notebook", "prod-job"}
    peers = json.dumps(policies["prod-notebook"]["spec"]["ingress"])
    assert '"app": "jupyterhub", "component": "proxy"' in peers


def test_helm_lint_is_content(helm: str) -> None:
    done = subprocess.run(
        [helm, "lint", "--strict", "--kube-version", "1.34.0", str(CHART)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_all_values_at_once(helm: str) -> None:
    documents = rendered(helm, **EVERYTHING)
    hosts = [rule["host"] for rule in of_kind(documents, "Ingress")["prod"]["spec"]["rules"]]
    assert hosts == ["notebooks.example.org", "*.users.example.net", "*.apps.example.org"]
    (tls,) = of_kind(documents, "Ingress")["prod"]["spec"]["tls"]
    assert tls["hosts"] == hosts
    assert "prod-hub" not in of_kind(documents, "PersistentVolumeClaim")
    settings = yaml.safe_load(of_kind(documents, "ConfigMap")["prod-service"]["data"]["kubernetes.yaml"])
    assert (settings["queue"], settings["pod_options"]) == ("team", {"runtimeClassName": "nvidia"})
    assert settings["pull_secrets"] == ["registry"]
    (hub,) = of_kind(documents, "Deployment")["prod-hub"]["spec"]["template"]["spec"]["containers"]
    env = {entry["name"]: entry.get("value") for entry in hub["env"]}
    assert json.loads(env["OUTRIDER_POD_OPTIONS"]) == settings["pod_options"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"hub": {"databaseUrl": "mysql://x"}}, "databaseUrl"),
        ({"storage": {"accessMode": "ReadOnlyMany"}}, "accessMode"),
        ({"jobs": {"uid": 0}}, "uid"),
        ({"catalog": {"images": [], "machines": [{"name": "x", "cpu": 1, "memory_mb": 64}]}}, "images"),
        ({"publicUrl": "notebooks.example.org"}, "publicUrl"),
        ({"hubb": {}}, "hubb"),
        ({"ingress": {"enabled": True}, "sameOrigin": "accept"}, "publicUrl"),
        ({"publicUrl": "https://notebooks.example.org"}, "notebooksDomain"),
        (
            {"publicUrl": "https://notebooks.example.org", "notebooksDomain": "https://users.example.net"},
            "notebooksDomain",
        ),
        ({"sameOrigin": "yes"}, "sameOrigin"),
        ({"hub": {"external": {"apiUrl": "http://hub:8081/hub/api"}}}, "proxyUrl"),
        ({"hub": {"external": {"apiUrl": "hub:8081", "proxyUrl": "http://proxy-public"}}}, "apiUrl"),
        ({"hub": {"external": {"url": "http://hub:8081"}}}, "url"),
        ({"hub": {"databaseInSecret": True}}, "existingSecret"),
    ],
)
def test_values_that_cannot_be_are_refused_by_name(helm: str, values: dict[str, Any], named: str) -> None:
    done = template(helm, values)
    assert done.returncode != 0
    assert named in done.stderr


@pytest.mark.parametrize(
    ("values", "separate"),
    [
        ({}, True),
        ({"publicUrl": "http://localhost:9000"}, True),
        ({"publicUrl": "https://notebooks.example.org", "notebooksDomain": "users.example.net"}, True),
        ({"publicUrl": "https://notebooks.example.org", "sameOrigin": "accept"}, False),
    ],
)
def test_hub_proxy_and_service_agree_on_the_origins(helm: str, values: dict[str, Any], separate: bool) -> None:
    deployments = of_kind(rendered(helm, **values), "Deployment")
    containers = {name: found["spec"]["template"]["spec"]["containers"][0] for name, found in deployments.items()}
    assert ("--host-routing" in containers["prod-proxy"]["args"]) is separate
    env = {name: {e["name"]: e.get("value") for e in found.get("env", [])} for name, found in containers.items()}
    public = values.get("publicUrl", "http://localhost:8000")
    assert env["prod-hub"]["OUTRIDER_PUBLIC_URL"] == env["prod-service"]["OUTRIDER_PUBLIC_URL"] == public
    assert chosen_origins({k: v or "" for k, v in env["prod-hub"].items()}, public).separate is separate
    assert (env["prod-service"].get("JUPYTERHUB_HOST") == public) is separate


def test_the_service_takes_what_the_chart_writes(helm: str, tmp_path: Path) -> None:
    from outrider_service.backends.kubernetes import load_settings
    from outrider_service.catalog import load_catalog

    for values in ({}, EVERYTHING):
        written = of_kind(rendered(helm, **values), "ConfigMap")["prod-service"]["data"]
        for name, text in written.items():
            (tmp_path / name).write_text(text)
        assert load_settings(tmp_path / "kubernetes.yaml").namespace == "ns"
        load_catalog(tmp_path / "catalog.yaml")


def test_every_pod_fits_the_restricted_standard(helm: str) -> None:
    documents = rendered(helm, **EVERYTHING)
    pods = [d["spec"]["template"]["spec"] for d in documents if d["kind"] in ("Deployment", "DaemonSet")]
    assert len(pods) == 4
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in [*pod["containers"], *pod.get("initContainers", [])]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}


PART = "app.kubernetes.io/component"


def table(first: str) -> set[tuple[str, ...]]:
    """The rows of the table on the security page whose first column has this name."""
    page = (CHECKOUT / "docs/admin/security.md").read_text()
    found = page.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| (\w+) \| (\w+) \| (\w+) \|$", found, re.MULTILINE))


def ports_of(rule: dict[str, Any]) -> list[str]:
    return sorted({str(port["port"]) for port in rule.get("ports", [])}) or ["any"]


def test_the_walls_are_as_the_security_page_says(helm: str) -> None:
    made = set()
    for policy in of_kind(rendered(helm), "NetworkPolicy").values():
        to = policy["spec"]["podSelector"]["matchLabels"][PART]
        for rule in policy["spec"]["ingress"]:
            sources = [peer["podSelector"]["matchLabels"][PART] for peer in rule["from"]] or ["anyone"]
            made |= {(to, source, port) for source in sources for port in ports_of(rule)}
    assert made == table("to")


def test_what_notebooks_and_jobs_may_reach_is_as_the_security_page_says(helm: str) -> None:
    def peer_name(peer: dict[str, Any]) -> str:
        if "ipBlock" in peer:
            assert "10.0.0.0/8" in peer["ipBlock"]["except"]
            assert "169.254.0.0/16" in peer["ipBlock"]["except"]
            return "outside"
        labels = peer["podSelector"]["matchLabels"]
        return "dns" if labels == {"k8s-app": "kube-dns"} else str(labels[PART])

    made = set()
    for policy in of_kind(rendered(helm), "NetworkPolicy").values():
        source = policy["spec"]["podSelector"]["matchLabels"][PART]
        assert ("Egress" in policy["spec"]["policyTypes"]) == (source in ("notebook", "job"))
        for rule in policy["spec"].get("egress", []):
            made |= {(source, peer_name(peer), port) for peer in rule["to"] for port in ports_of(rule)}
    assert made == table("from")


def test_prometheus_is_let_in_with_a_token_of_its_own(helm: str) -> None:
    documents = rendered(helm, serviceMonitor={"enabled": True, "namespace": "watching"})
    (endpoint,) = of_kind(documents, "ServiceMonitor")["prod"]["spec"]["endpoints"]
    key = endpoint["authorization"]["credentials"]
    assert of_kind(documents, "Secret")[key["name"]]["data"][key["key"]]
    assert key["key"] == "metrics-token"
    peers = [rule["from"] for rule in of_kind(documents, "NetworkPolicy")["prod-service"]["spec"]["ingress"]]
    assert [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "watching"}}}] in peers


def test_databases_may_be_said_in_a_secret_of_ones_own(helm: str) -> None:
    hub = {"existingSecret": "mine", "databaseInSecret": True}
    documents = rendered(helm, hub=hub, service={"databaseInSecret": True})
    assert not of_kind(documents, "Secret")
    assert set(of_kind(documents, "PersistentVolumeClaim")) == {"prod-platform"}
    keys = set()
    for deployment in of_kind(documents, "Deployment").values():
        for entry in deployment["spec"]["template"]["spec"]["containers"][0]["env"]:
            found = entry.get("valueFrom", {}).get("secretKeyRef")
            if found is not None:
                assert found["name"] == "mine"
                keys.add(found["key"])
    assert {"hub-database", "service-database"} <= keys


def test_without_the_right_to_see_nodes_nothing_is_cluster_wide_but_priorities(helm: str) -> None:
    kinds = {d["kind"] for d in rendered(helm, rbac={"nodes": False}, jobs={"priorityClasses": {"create": False}})}
    assert not kinds & {"ClusterRole", "ClusterRoleBinding", "PriorityClass"}


def test_the_hub_starts_with_the_secrets_that_the_chart_makes(helm: str) -> None:
    documents = rendered(helm)
    data = {
        key: base64.b64decode(value).decode() for key, value in of_kind(documents, "Secret")["prod"]["data"].items()
    }
    assert password_problem(data["admin-password"]) is None
    (hub,) = of_kind(documents, "Deployment")["prod-hub"]["spec"]["template"]["spec"]["containers"]
    environment = {
        entry["name"]: entry["value"] if "value" in entry else data[entry["valueFrom"]["secretKeyRef"]["key"]]
        for entry in hub["env"]
        if "fieldRef" not in entry.get("valueFrom", {})
    }
    # Raises for what JupyterHub refuses.
    assert len(from_environment(environment).cookie_secret) == COOKIE_BYTES


def test_whoever_reads_a_secret_is_restarted_when_it_is_replaced(helm: str) -> None:
    """Without a cluster to ask, each rendering makes new ones."""

    def stamps() -> dict[str, str]:
        deployments = of_kind(rendered(helm), "Deployment")
        return {name: d["spec"]["template"]["metadata"]["annotations"][SECRETS] for name, d in deployments.items()}

    before, after = stamps(), stamps()
    assert len(before) == 3
    assert all(before[name] != after[name] for name in before)


def test_a_changed_setting_restarts_who_reads_it_and_nobody_else(helm: str) -> None:
    def stamps(**values: Any) -> dict[str, str]:
        deployments = of_kind(rendered(helm, **values), "Deployment")
        for deployment in deployments.values():
            del deployment["spec"]["template"]["metadata"]["annotations"][SECRETS]
        return {name: json.dumps(d["spec"]["template"]) for name, d in deployments.items()}

    before, after = stamps(), stamps(hub={"config": {"x.py": "c.X.y = 2"}})
    assert {name for name in before if before[name] != after[name]} == {"prod-hub"}


def test_the_service_looks_at_queues_only_where_jobs_go_through_one(helm: str) -> None:
    def groups(kind: str, documents: Documents) -> set[str]:
        return {
            group for role in of_kind(documents, kind).values() for rule in role["rules"] for group in rule["apiGroups"]
        }

    for kind in ("Role", "ClusterRole"):
        assert "kueue.x-k8s.io" not in groups(kind, rendered(helm))
        assert "kueue.x-k8s.io" in groups(kind, rendered(helm, jobs={"queue": "lab"}))
