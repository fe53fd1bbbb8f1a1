"""Outrider's scopes, and the roles that grant them.

The tables are data; the functions turn them into JupyterHub's configuration. Pure.
"""

from __future__ import annotations

from typing import Any

SERVICE = "outrider"
SPAWNER = "outrider-spawner"
CULLER = "outrider-culler"
METRICS = "outrider-metrics"
ACCESS = f"access:services!service={SERVICE}"

OWN = (
    "custom:outrider:jobs:read",
    "custom:outrider:jobs:write",
    "custom:outrider:endpoints",
    "custom:outrider:storage:read",
    "custom:outrider:storage:write",
)
"""Granted to everybody for their own resources."""

ADMINISTRATION = ("custom:outrider:catalog:admin", "custom:outrider:usage:read-all")
SPAWN = "custom:outrider:spawn"

DESCRIPTIONS = {
    "custom:outrider:jobs:read": "See jobs, their logs, metrics and artifacts",
    "custom:outrider:jobs:write": "Submit, stop, delete and clone jobs",
    "custom:outrider:endpoints": "Access the ports of jobs",
    "custom:outrider:storage:read": "Read files in /storage",
    "custom:outrider:storage:write": "Write and delete files in /storage",
    "custom:outrider:catalog:admin": "Change the catalog of images, machine types and limits",
    "custom:outrider:usage:read-all": "See everybody's usage",
    SPAWN: "Lease machines and get directories for notebook servers (the Hub itself)",
}


def custom_scopes() -> dict[str, dict[str, str]]:
    """For ``JupyterHub.custom_scopes``."""
    return {name: {"description": text} for name, text in DESCRIPTIONS.items()}


def user_scopes() -> list[str]:
    """Scopes of the role *user* in addition to JupyterHub's own."""
    return [f"{scope}!user" for scope in OWN] + [ACCESS]


def server_scopes() -> list[str]:
    """Scopes of the token inside a notebook: its owner's in Outrider, and JupyterHub's defaults."""
    return [
        "users:activity!user",
        "access:servers!server",
        "read:users:name!user",
        "read:users:groups!user",
        *user_scopes(),
    ]


def admin_scopes() -> list[str]:
    """Scopes of every admin in addition to JupyterHub's own."""
    return [*OWN, *ADMINISTRATION]


def browser_scopes() -> list[str]:
    """Scopes that the service gets for a user in the browser, limited to the user's own."""
    return ["read:users:name!user", "read:users:groups!user", *OWN, *ADMINISTRATION]


def metrics_role() -> dict[str, Any]:
    """The role for Prometheus' own token, if there is one."""
    return {
        "name": "outrider-metrics",
        "description": "Prometheus: the service's metrics",
        "scopes": ["custom:outrider:usage:read-all", ACCESS],
        "services": [METRICS],
    }


def roles() -> list[dict[str, Any]]:
    """For ``JupyterHub.load_roles``: each program gets only what it needs."""
    return [
        {
            "name": "server",
            "description": "Notebook servers: Outrider as their owner",
            "scopes": server_scopes(),
        },
        {
            "name": "outrider-service",
            "description": "The service: list users and servers; start, keep and stop servers",
            "scopes": [
                "list:users",
                "read:users",
                "servers",
                "users:activity",
                "list:groups",
                "read:groups",
            ],
            "services": [SERVICE],
        },
        {
            "name": "outrider-spawner",
            "description": "The Hub's spawners: lease machines from the service",
            "scopes": [SPAWN, ACCESS],
            "services": [SPAWNER],
        },
        {
            "name": "outrider-culler",
            "description": "The culler: stops idle notebook servers",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": [CULLER],
        },
    ]
