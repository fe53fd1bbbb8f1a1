"""Who may do what: Outrider's scopes and the roles that carry them.

The table is data; the functions turn it into JupyterHub's configuration. Touches nothing.
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
"""What everyone has over what is their own."""

ADMINISTRATION = ("custom:outrider:catalog:admin", "custom:outrider:usage:read-all")
SPAWN = "custom:outrider:spawn"

DESCRIPTIONS = {
    "custom:outrider:jobs:read": "See jobs, their logs, metrics and artifacts",
    "custom:outrider:jobs:write": "Submit, stop, delete and clone jobs",
    "custom:outrider:endpoints": "Reach the ports that jobs serve",
    "custom:outrider:storage:read": "Read files in /storage",
    "custom:outrider:storage:write": "Write and delete files in /storage",
    "custom:outrider:catalog:admin": "Change the catalog of images and machine types",
    "custom:outrider:usage:read-all": "See what everyone uses",
    SPAWN: "Ask for the room and the directories of a notebook server (the Hub itself)",
}


def custom_scopes() -> dict[str, dict[str, str]]:
    """For ``JupyterHub.custom_scopes``."""
    return {name: {"description": text} for name, text in DESCRIPTIONS.items()}


def user_scopes() -> list[str]:
    """What the role *user* has on top of JupyterHub's own."""
    return [f"{scope}!user" for scope in OWN] + [ACCESS]


def server_scopes() -> list[str]:
    """What the token inside a notebook may do: its owner's Outrider, and JupyterHub's defaults."""
    return [
        "users:activity!user",
        "access:servers!server",
        "read:users:name!user",
        "read:users:groups!user",
        *user_scopes(),
    ]


def admin_scopes() -> list[str]:
    """What every admin has on top of JupyterHub's own."""
    return [*OWN, *ADMINISTRATION]


def browser_scopes() -> list[str]:
    """What the service may do for a person in the browser; held against what that person has."""
    return ["read:users:name!user", "read:users:groups!user", *OWN, *ADMINISTRATION]


def metrics_role() -> dict[str, Any]:
    """For a Prometheus that has a token of its own, where there is one."""
    return {
        "name": "outrider-metrics",
        "description": "Prometheus: the service's figures",
        "scopes": ["custom:outrider:usage:read-all", ACCESS],
        "services": [METRICS],
    }


def roles() -> list[dict[str, Any]]:
    """For ``JupyterHub.load_roles``: each program with no more than it needs."""
    return [
        {
            "name": "server",
            "description": "A notebook server: its owner's Outrider",
            "scopes": server_scopes(),
        },
        {
            "name": "outrider-service",
            "description": "The service: who is there, which servers run; start, keep and stop them",
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
            "description": "The Hub's spawners, when they ask the service",
            "scopes": [SPAWN, ACCESS],
            "services": [SPAWNER],
        },
        {
            "name": "outrider-culler",
            "description": "Stops notebook servers that nobody uses",
            "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
            "services": [CULLER],
        },
    ]
