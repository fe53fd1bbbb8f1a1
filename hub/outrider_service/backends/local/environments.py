"""Python environments, which stand in for images: the host directories that a sandbox needs for one."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
from pathlib import Path

from outrider_sandbox import Mount


def prefix_of(environment: str | None) -> Path:
    """The prefix of an environment; None: the service's own."""
    return Path(environment or sys.prefix)


def python_of(environment: str | None) -> Path:
    return prefix_of(environment) / "bin" / "python"


def lacks_jupyter(environment: str | None) -> str | None:
    """Why a notebook cannot start in it, or None."""
    prefix = prefix_of(environment)
    if not (prefix / "bin" / "python").exists():
        return f"There is no Python environment at {prefix}."
    if not (prefix / "bin" / "jupyterhub-singleuser").exists():
        return f"{prefix} has no JupyterHub: {prefix}/bin/pip install jupyterhub jupyterlab"
    return None


def _base_prefixes(prefix: Path) -> list[Path]:
    """The base installation of a virtual environment, with every link on the way to it."""
    config = prefix / "pyvenv.cfg"
    if not config.exists():
        return []
    found = []
    for line in config.read_text().splitlines():
        key, _, value = line.partition("=")
        if key.strip() == "home":
            home = Path(value.strip())
            found += [home.parent, home.resolve().parent]
    python = prefix / "bin" / "python"
    if python.exists():
        found.append(python.resolve().parent.parent)
    return found


def mounts_for(environment: str | None) -> list[Mount]:
    """Read-only mounts, at the same paths, that make the environment work inside a sandbox."""
    prefix = prefix_of(environment)
    paths = [prefix, *_base_prefixes(prefix)]
    if environment is None or prefix == Path(sys.prefix):
        # Editable installs of a checkout are outside the environment.
        for name in ("outrider", "jupyterlab_outrider"):
            spec = importlib.util.find_spec(name)
            for location in (spec.submodule_search_locations or []) if spec else []:
                if not Path(location).is_relative_to(sysconfig.get_path("purelib")):
                    paths.append(Path(location))
    seen: dict[str, Mount] = {}
    for path in paths:
        if path.exists() and not path.is_relative_to("/usr") and path != Path("/"):
            seen[str(path)] = Mount(str(path), str(path))
    return list(seen.values())
