"""The table of all routes, collected from the modules of this package: a new endpoint is one new file.

A module registers its routes in a list ``ROUTES``. Scopes are enforced from this table alone; the API's description and
the authorisation tests are generated from it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable

from .routing import Route


def specificity(route: Route) -> tuple[int, ...]:
    """Sort key that puts a route before less specific ones: words before parameters, parameters before the rest of a
    path, long before short."""
    parts = route.path.strip("/").split("/")
    return (*(0 if not part.startswith("{") else 2 if part == "{path}" else 1 for part in parts), 3)


def merged(tables: Iterable[Iterable[Route]]) -> list[Route]:
    """Merge tables. Raises ValueError if two routes have the same method and path."""
    found: dict[tuple[str, str], Route] = {}
    for table in tables:
        for route in table:
            if (key := (route.method, route.path)) in found:
                raise ValueError(f"{route.method} {route.path} is registered twice")
            found[key] = route
    return sorted(found.values(), key=lambda route: (specificity(route), route.path))


def registered() -> list[Route]:
    """The routes of every module of this package."""
    package = __package__ or ""
    names = [module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__)]
    modules = [importlib.import_module(f"{package}.{name}") for name in names]
    return merged(getattr(module, "ROUTES", ()) for module in modules)
