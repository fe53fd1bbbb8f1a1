"""Prints as JSON what the running Python can import and which kernels it has.

Passed as source to Python 3.8 or later, isolated from the caller's directories; admins run it by hand in images
(docs/admin/catalog.md). Namespace packages are found through their distributions only, modules without a distribution
through the path only. Changes nothing.
"""

import json
import pathlib
import pkgutil
import sys


def modules() -> "set[str]":
    found = {one.name for one in pkgutil.iter_modules()} | set(sys.builtin_module_names)
    try:
        from importlib.metadata import packages_distributions
    except ImportError:
        return found
    return found | {name for name in packages_distributions() if name.isidentifier()}


def kernels(importable: "set[str]") -> "set[str]":
    places = [pathlib.Path(prefix, "share/jupyter/kernels") for prefix in (sys.prefix, "/usr/local", "/usr")]
    found = {one.parent.name for place in places for one in place.glob("*/kernel.json")}
    return found | ({"python3"} if "ipykernel" in importable else set())


if __name__ == "__main__":
    there = modules()
    sys.stdout.write(json.dumps({"modules": sorted(there), "kernels": sorted(kernels(there))}) + "\n")
