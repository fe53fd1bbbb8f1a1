"""Prints as JSON what the Python that runs this can import, and which kernels it has.

A program, given as source to Pythons from 3.8 on, isolated from the caller's own directories; also by hand to those in
images (docs/admin/catalog.md). A namespace package is found through the distributions only, a module without a
distribution through the path only. Touches nothing.
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
