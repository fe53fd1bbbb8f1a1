"""Secrets of users and groups: environment variables, registries' and Git servers' credentials, sealed at rest."""

from .accounts import Accounts, RegistryLogin
from .sealing import Unreadable
from .store import (
    EVERYBODY,
    GIT,
    REGISTRY,
    SSH,
    VARIABLE,
    Login,
    Secret,
    TooManySecrets,
    Vault,
    group_subject,
    user_subject,
)

__all__ = [
    "EVERYBODY",
    "GIT",
    "REGISTRY",
    "SSH",
    "VARIABLE",
    "Accounts",
    "Login",
    "RegistryLogin",
    "Secret",
    "TooManySecrets",
    "Unreadable",
    "Vault",
    "group_subject",
    "user_subject",
]
