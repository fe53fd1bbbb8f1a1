"""Outrider put beside a Hub that zero-to-jupyterhub configures."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from jupyterhub import roles
from jupyterhub.app import JupyterHub
from kubespawner import KubeSpawner
from traitlets.config import Config

from outrider_hub.jupyterhub_patches import adjust
from outrider_hub.scopes import server_scopes, user_scopes
from outrider_hub.settings import SettingsError
from outrider_hub.spawner.kubernetes import KubernetesSpawner
from tests.integration.hub.platform_process import REPOSITORY

OVERLAY: dict[str, Any] = yaml.safe_load((REPOSITORY / "helm/z2jh.yaml").read_text())


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in OVERLAY["hub"]["extraEnv"].items():
        monkeypatch.setenv(name, value if isinstance(value, str) else value["valueFrom"]["secretKeyRef"]["key"])


def run(c: Config) -> Config:
    exec(OVERLAY["hub"]["extraConfig"]["90-outrider"], {"c": c})
    return c


def theirs() -> Config:
    c = Config()
    c.JupyterHub.services = [{"name": "grader", "api_token": "x"}]
    c.JupyterHub.authenticator_class = "github"
    c.JupyterHub.db_url = "postgresql://db"
    c.KubeSpawner.namespace = "jhub"
    return c


def test_what_is_there_stays(variables: None) -> None:
    c = run(theirs())
    names = [service["name"] for service in c.JupyterHub.services]
    assert names[0] == "grader"
    assert "outrider" in names
    assert (c.JupyterHub.authenticator_class, c.JupyterHub.db_url) == ("github", "postgresql://db")
    assert "hub_bind_url" not in c.JupyterHub
    assert "ConfigurableHTTPProxy" not in c


def test_notebooks_and_the_service_are_outriders(variables: None) -> None:
    c = run(theirs())
    assert c.JupyterHub.spawner_class is KubernetesSpawner
    assert c.OutriderSpawnerMixin.service_url == "http://outrider-service:8003/services/outrider/api/v1"
    assert c.KubernetesSpawner.extra_labels["hub.jupyter.org/network-access-hub"] == "true"
    # It is a KubeSpawner: what was said of that holds for it.
    assert issubclass(KubernetesSpawner, KubeSpawner)
    assert c.KubeSpawner.namespace == "jhub"
    # Old homes stay where they are, also when their users go.
    assert c.KubernetesSpawner.delete_pvc is False
    (service,) = [one for one in c.JupyterHub.services if one["name"] == "outrider"]
    assert service["api_token"] == "service-token"
    assert "outrider-service" in {role["name"] for role in c.JupyterHub.load_roles}


def test_what_is_missing_is_named(variables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUTRIDER_SERVICE_TOKEN")
    with pytest.raises(SettingsError, match="OUTRIDER_SERVICE_TOKEN"):
        run(theirs())


def test_roles_that_are_redefined_keep_what_outrider_needs(variables: None) -> None:
    c = theirs()
    c.JupyterHub.load_roles = [
        {"name": "user", "scopes": ["self", "access:services!service=grader"]},
        {"name": "server", "scopes": ["access:services!service=grader"]},
        {"name": "teacher", "groups": ["teachers"], "scopes": ["list:users"]},
    ]
    run(c)
    found = {role["name"]: role for role in c.JupyterHub.load_roles}
    assert len(found) == len(c.JupyterHub.load_roles)
    assert {"self", "access:services!service=grader", *user_scopes()} == set(found["user"]["scopes"])
    assert {"access:services!service=grader", *server_scopes()} == set(found["server"]["scopes"])
    assert found["teacher"]["scopes"] == ["list:users"]


def test_before_jupyterhub_6_the_user_role_gains_what_there_is_no_setting_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roles, "get_default_roles", lambda: [{"name": "user", "scopes": ["self"]}])
    monkeypatch.delattr(JupyterHub, "extra_user_scopes", raising=False)
    adjust()
    assert roles.get_default_roles() == [{"name": "user", "scopes": ["self", *user_scopes()]}]


def test_pods_of_notebooks_have_what_the_operator_merges_into_them(
    variables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "extra_pod_config" not in run(theirs()).KubernetesSpawner
    monkeypatch.setenv("OUTRIDER_POD_OPTIONS", '{"runtimeClassName": "nvidia"}')
    assert run(theirs()).KubernetesSpawner.extra_pod_config == {"runtimeClassName": "nvidia"}


def test_prometheus_token_reads_figures_and_nothing_else(variables: None) -> None:
    c = run(theirs())
    (role,) = [role for role in c.JupyterHub.load_roles if role["name"] == "outrider-metrics"]
    assert role["scopes"] == ["custom:outrider:usage:read-all", "access:services!service=outrider"]
    (service,) = [one for one in c.JupyterHub.services if one["name"] in role["services"]]
    assert service["api_token"] == "metrics-token"
