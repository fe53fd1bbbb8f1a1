"""The product's own images, built from the checkout on the base of packages alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .images import base_image, docker, pushed, reference, run_docker
from .images import build as build_image
from .places import CHECKOUT

IMAGES: Final = CHECKOUT / "images"
CLIENT: Final = CHECKOUT / "client"
PYTHON_SOURCES: Final = [
    IMAGES / "dependencies.py",
    CLIENT,
    CHECKOUT / "hub",
    CHECKOUT / "constraints.txt",
    CHECKOUT / "jupyterhub_config.py",
]


@dataclass(frozen=True)
class Images:
    """References of the images that the tests use."""

    base: str
    runner: str


@dataclass(frozen=True)
class Product(Images):
    """All that a platform is installed from."""

    hub: str
    service: str
    proxy: str
    notebook: str
    no_python: str


def job_images() -> Images:
    """What jobs alone need."""
    base = base_image()
    inputs = [IMAGES / "runner", CLIENT / "outrider/runner", CHECKOUT / "extensions/jupyterlab"]
    runner = build_image("outrider-test/runner", IMAGES / "runner/Dockerfile", inputs, base, WHEEL_PYTHONS="3.11")
    return Images(base, runner)


def product() -> Product:
    """Everything; built where it changed."""
    found = job_images()
    # The pages are made by `make setup`, from sources that Git has.
    pages = [CHECKOUT / "extensions/ui/src", CHECKOUT / "extensions/ui/style", CHECKOUT / "extensions/portal/src"]

    def make(name: str, inputs: list[Path], base: str) -> str:
        return build_image(f"outrider-test/{name}", IMAGES / name / "Dockerfile", inputs, base)

    return Product(
        found.base,
        found.runner,
        hub=make("hub", PYTHON_SOURCES, found.base),
        service=make("service", [*PYTHON_SOURCES, *pages], found.base),
        proxy=make("proxy", [], _node_base(found.base)),
        notebook=make("notebook-cpu", [CLIENT, CHECKOUT / "constraints.txt"], found.base),
        no_python=_derived("no-python", found.base, ["RUN rm -rf /usr/bin/python3* /usr/lib/python3*"]),
    )


def earlier(commit: str) -> Product:
    """Everything, with the Hub and the service as they were in a commit. Raises CalledProcessError where it is not in
    the history."""
    now = product()
    with tempfile.TemporaryDirectory() as scratch:
        archive = subprocess.check_output(["git", "-C", str(CHECKOUT), "archive", commit, "hub", "client"])
        subprocess.run(["tar", "-x", "-C", scratch], input=archive, check=True)
        # The pages are built from sources that do not differ in what these tests look at.
        pages = "cp -r /opt/outrider/lib/python3*/site-packages/outrider_service/portal/static"
        lines = [
            f"# {commit}",
            "USER root",
            "COPY before /before",
            f"RUN {pages} /before/hub/outrider_service/portal/ && chmod -R a+rX /before",
            "ENV PYTHONPATH=/before/hub:/before/client",
            "USER 1000:1000",
        ]
        before = Path(scratch)
        return replace(
            now,
            hub=_derived("hub-before", now.hub, lines, before=before),
            service=_derived("service-before", now.service, lines, before=before),
        )


def _node_base(base: str) -> str:
    """The base with this machine's Node, which the product's image expects of its public base."""
    node = Path(shutil.which("node") or "/usr/bin/node").resolve()
    npm = Path(shutil.which("npm") or "/usr/bin/npm").resolve().parent.parent
    version = subprocess.check_output([node, "--version"])
    link = "RUN ln -s /usr/local/lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm"
    lines = ["COPY node /usr/local/bin/node", "COPY npm /usr/local/lib/node_modules/npm", link, f"# {version.decode()}"]
    return _derived("node", base, lines, node=node, npm=npm)


def _derived(name: str, base: str, lines: list[str], **files: Path) -> str:
    """The base with a few changes that are no Dockerfile of the product's."""
    name, tag = f"outrider-test/{name}", hashlib.sha256("\n".join([base, *lines]).encode()).hexdigest()[:16]
    if not pushed(name, tag):
        with tempfile.TemporaryDirectory() as scratch:
            for target, source in files.items():
                copy = shutil.copytree if source.is_dir() else shutil.copy
                copy(source, f"{scratch}/{target}")
            Path(scratch, "Dockerfile").write_text("\n".join([f"FROM {base}", *lines]) + "\n")
            run_docker(docker(), "build", "--network=host", "-q", "-t", reference(name, tag), scratch)
            run_docker(docker(), "push", "-q", reference(name, tag))
    return reference(name, tag)
