"""JupyterHub's configuration for the service's tests: three users, a group, and the service run by the tests."""

import os

from outrider_hub import scopes

c = get_config()  # type: ignore[name-defined]  # noqa: F821

port = int(os.environ["TEST_HUB_PORT"])
c.JupyterHub.bind_url = f"http://127.0.0.1:{port}"
c.JupyterHub.hub_port = port + 1
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 2}"
c.ConfigurableHTTPProxy.command = [os.environ["TEST_PROXY"]]
c.ConfigurableHTTPProxy.pid_file = f"{os.environ['TEST_HUB_HOME']}/proxy.pid"
c.JupyterHub.db_url = f"sqlite:///{os.environ['TEST_HUB_HOME']}/hub.sqlite"
c.JupyterHub.cookie_secret = b"0" * 32
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "tests"
c.Authenticator.allowed_users = {"alice", "bob", "carol", "root"}
c.Authenticator.admin_users = {"root"}
c.JupyterHub.load_groups = {"team": {"users": ["alice", "carol"]}}
c.JupyterHub.api_tokens = {f"{name}-token": name for name in ("alice", "bob", "carol", "root")}
c.JupyterHub.custom_scopes = scopes.custom_scopes()
c.JupyterHub.extra_user_scopes = scopes.user_scopes()
c.JupyterHub.load_roles = scopes.roles()
c.JupyterHub.services = [
    {
        "name": scopes.SERVICE,
        "url": f"http://127.0.0.1:{port + 3}",
        "api_token": "service-token",
        "oauth_client_allowed_scopes": scopes.browser_scopes(),
        "oauth_no_confirm": True,
    },
    {"name": scopes.SPAWNER, "api_token": "spawner-token"},
    {"name": scopes.CULLER, "api_token": "culler-token"},
]
