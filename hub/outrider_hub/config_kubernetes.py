"""JupyterHub's configuration in a cluster: the proxy and the service are Deployments of their own, the secrets come
from the environment, and notebook servers are pods. Runs inside the Hub's process; touches nothing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

from . import culler, scopes
from .authenticator import AdminOnlyAuthenticator, set_admin
from .demands import check_tokens, cookie_secret
from .jupyterhub_patches import ROUTES_CHECK_S, adjust
from .origin_settings import set_origins
from .origins import Origins
from .pages import configure_pages
from .settings import CULL_EVERY_S, CULL_TIMEOUT_S, MOST_NOTEBOOKS, SettingsError, chosen_origins
from .spawner.kubernetes import KubernetesSpawner
from .state import ADMIN

HUB_PORT = 8081


@dataclass(frozen=True)
class ClusterSettings:
    """What the chart puts into the Hub's environment."""

    hub_service: str
    """The Hub's own name and port, as other pods reach it."""
    proxy_api: str
    proxy_public: str
    """The proxy, as pods reach it."""
    service: str
    database: str
    proxy_token: str
    service_token: str
    spawner_token: str
    metrics_token: str
    """Prometheus'; empty: it has none."""
    cookie_secret: bytes
    admin_password: str
    origins: Origins | None
    """Of the Hub and of notebooks; None where the chart says nothing of them."""
    instance: str
    cull_timeout_s: int
    cull_every_s: int
    most_notebooks: int
    pod_options: dict[str, Any]
    """Merged into the specification of each notebook's pod, as into a job's."""

    @property
    def api_url(self) -> str:
        """The service's API, as the Hub's programs reach it."""
        return f"http://{self.service}/services/outrider/api/v1"


def from_environment(environ: Mapping[str, str], *, whole: bool = True) -> ClusterSettings:
    """SettingsError names what is missing or cannot be used. ``whole``: the Hub itself is to be configured too."""

    def always(name: str) -> str:
        if not (value := environ.get(name)):
            raise SettingsError(f"{name} is not set")
        return value

    def needed(name: str) -> str:
        return always(name) if whole else ""

    names = ("CONFIGPROXY_AUTH_TOKEN", "OUTRIDER_SERVICE_TOKEN", "OUTRIDER_SPAWNER_TOKEN", "OUTRIDER_METRICS_TOKEN")
    check_tokens({name: environ.get(name, "") for name in names if whole or name != "CONFIGPROXY_AUTH_TOKEN"})
    return ClusterSettings(
        hub_service=needed("OUTRIDER_HUB_SERVICE"),
        proxy_api=needed("OUTRIDER_PROXY_API"),
        proxy_public=always("OUTRIDER_PROXY_PUBLIC"),
        service=always("OUTRIDER_SERVICE"),
        database=environ.get("OUTRIDER_HUB_DATABASE") or "sqlite:////srv/jupyterhub/jupyterhub.sqlite",
        proxy_token=needed("CONFIGPROXY_AUTH_TOKEN"),
        service_token=always("OUTRIDER_SERVICE_TOKEN"),
        spawner_token=always("OUTRIDER_SPAWNER_TOKEN"),
        metrics_token=environ.get("OUTRIDER_METRICS_TOKEN") or "",
        cookie_secret=cookie_secret("OUTRIDER_COOKIE_SECRET", needed("OUTRIDER_COOKIE_SECRET")) if whole else b"",
        admin_password=needed("OUTRIDER_ADMIN_PASSWORD"),
        origins=_origins(environ),
        instance=environ.get("OUTRIDER_INSTANCE") or "outrider",
        cull_timeout_s=int(environ.get("OUTRIDER_CULL_TIMEOUT") or CULL_TIMEOUT_S),
        cull_every_s=int(environ.get("OUTRIDER_CULL_EVERY") or CULL_EVERY_S),
        most_notebooks=int(environ.get("OUTRIDER_NOTEBOOKS_PER_USER") or MOST_NOTEBOOKS),
        pod_options=json.loads(environ.get("OUTRIDER_POD_OPTIONS") or "{}"),
    )


def _origins(environ: Mapping[str, str]) -> Origins | None:
    """None where nothing is said: beside another chart's Hub, and with an older chart of Outrider's."""
    url = environ.get("OUTRIDER_PUBLIC_URL") or ""
    return chosen_origins(environ, url) if url else None


def pod_name_template(instance: str) -> str:
    """Names of notebooks' pods. KubeSpawner ends a pod that has the name which it is about to give, so two releases in
    a namespace must have no name in common, whatever they and their users are called."""
    return f"notebook-{hashlib.sha256(instance.encode()).hexdigest()[:8]}-{{user_server}}"


def configure(c: Any) -> None:
    """Sets everything that Outrider needs; what an operator sets afterwards wins."""
    settings = from_environment(os.environ)
    adjust(settings.origins)
    _hub(c, settings)
    _programs(c, settings)
    _notebooks(c, settings)


def add(c: Any) -> None:
    """For a Hub that another chart configures: the service, its roles and the spawner are put beside what is there."""
    settings = from_environment(os.environ, whole=False)
    adjust(settings.origins)
    services, roles = _there(c.JupyterHub, "services"), _there(c.JupyterHub, "load_roles")
    _rights(c)
    _programs(c, settings)
    _notebooks(c, settings)
    c.JupyterHub.services = [*services, *c.JupyterHub.services]
    c.JupyterHub.load_roles = _together(roles, c.JupyterHub.load_roles)
    # That chart's policies go by these.
    c.KubernetesSpawner.extra_labels = {
        **c.KubernetesSpawner.extra_labels,
        "hub.jupyter.org/network-access-hub": "true",
        "hub.jupyter.org/network-access-proxy-http": "true",
    }


def _there(part: Any, name: str) -> list[Any]:
    """What a configuration has in a list already; a name that nothing was said of is no list."""
    found = part.get(name) if name in part else None
    return list(found) if isinstance(found, list) else []


def _together(theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Roles of both: JupyterHub knows each name once, and a role that is redefined loses what it had by default."""
    needed = {role["name"]: role["scopes"] for role in ours} | {"user": scopes.user_scopes()}
    taken = {role["name"] for role in theirs}
    extended = [
        {**role, "scopes": list(dict.fromkeys([*role["scopes"], *needed.get(role["name"], [])]))}
        if "scopes" in role
        else role
        for role in theirs
    ]
    return [*extended, *(role for role in ours if role["name"] not in taken)]


def _rights(c: Any) -> None:
    c.JupyterHub.custom_scopes = scopes.custom_scopes()
    c.JupyterHub.extra_user_scopes = scopes.user_scopes()
    c.JupyterHub.load_roles = scopes.roles()


def _hub(c: Any, settings: ClusterSettings) -> None:
    c.JupyterHub.hub_bind_url = f"http://:{HUB_PORT}"
    c.JupyterHub.hub_connect_url = f"http://{settings.hub_service}"
    c.JupyterHub.db_url = settings.database
    c.JupyterHub.upgrade_db = True
    c.JupyterHub.cookie_secret = settings.cookie_secret
    c.JupyterHub.authenticator_class = AdminOnlyAuthenticator
    set_admin(c, ADMIN, settings.admin_password, "the key admin-password of the Hub's Secret")
    _rights(c)
    c.ConfigurableHTTPProxy.should_start = False
    c.ConfigurableHTTPProxy.api_url = f"http://{settings.proxy_api}"
    c.ConfigurableHTTPProxy.auth_token = settings.proxy_token
    # A pod that is gone may not have said goodbye. On a connection that was kept, a request to it would wait for five
    # minutes, and with it all routes.
    c.JupyterHubHTTPClient.connector_options = {"force_close": True}
    c.JupyterHubHTTPClient.session_options = {"timeout": aiohttp.ClientTimeout(sock_connect=5, sock_read=10)}
    # The Hub comes and goes; notebook servers and the proxy stay.
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False


def _routes(c: Any, settings: ClusterSettings) -> None:
    """Where notebooks have hosts of their own, the proxy goes by the host of each request, and programs in the cluster
    name it in several ways."""
    if settings.origins is None:
        return
    set_origins(c, settings.origins)
    if not settings.origins.separate:
        return
    first, *rest = settings.proxy_public.split(".")
    names = {
        first,
        settings.proxy_public,
        f"{settings.proxy_public}.cluster.local",
        *([f"{first}.{rest[0]}"] if rest else []),
    }
    if settings.origins.hub_name == "localhost":
        names.add("127.0.0.1")
    routes = {f"{name}/services/{scopes.SERVICE}/": f"http://{settings.service}" for name in sorted(names)}
    c.Proxy.extra_routes.update(routes)


def _programs(c: Any, settings: ClusterSettings) -> None:
    _routes(c, settings)
    c.JupyterHub.services = [
        {
            "name": scopes.SERVICE,
            "url": f"http://{settings.service}",
            "api_token": settings.service_token,
            "oauth_client_allowed_scopes": scopes.browser_scopes(),
            "oauth_no_confirm": True,
            "display": True,
        },
        {"name": scopes.SPAWNER, "api_token": settings.spawner_token, "display": False},
        culler.managed_service(
            os.getpid(), settings.cull_timeout_s, settings.cull_every_s, settings.api_url, settings.spawner_token
        ),
    ]
    if settings.metrics_token:
        c.JupyterHub.services.append({"name": scopes.METRICS, "api_token": settings.metrics_token, "display": False})
        c.JupyterHub.load_roles.append(scopes.metrics_role())


def _notebooks(c: Any, settings: ClusterSettings) -> None:
    c.JupyterHub.spawner_class = KubernetesSpawner
    configure_pages(c, settings.most_notebooks)
    # Of this look at the proxy ``adjust`` leaves the check of its routes and nothing else.
    c.JupyterHub.last_activity_interval = ROUTES_CHECK_S
    c.Spawner.default_url = "/lab"
    # A large image and a busy cluster take their time; what cannot work is given up long before.
    c.Spawner.start_timeout = 1800
    c.Spawner.http_timeout = 120
    c.Spawner.poll_interval = 30
    c.OutriderSpawnerMixin.service_url = settings.api_url
    c.OutriderSpawnerMixin.service_token = settings.spawner_token
    c.KubernetesSpawner.inside_url = f"http://{settings.proxy_public}"
    c.KubernetesSpawner.storage_pvc_ensure = False
    # Volumes are the service's to keep: what KubeSpawner would delete is a claim of another chart's Hub.
    c.KubernetesSpawner.delete_pvc = False
    c.KubernetesSpawner.pod_name_template = pod_name_template(settings.instance)
    c.KubernetesSpawner.common_labels = {
        "app.kubernetes.io/part-of": "outrider",
        "app.kubernetes.io/instance": settings.instance,
    }
    c.KubernetesSpawner.extra_labels = {"app.kubernetes.io/component": "notebook"}
    c.KubernetesSpawner.component_label = "notebook"
    c.KubernetesSpawner.delete_stopped_pods = True
    if settings.pod_options:
        c.KubernetesSpawner.extra_pod_config = settings.pod_options
