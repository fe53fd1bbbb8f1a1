"""Images for the cluster, in its own registry: layers pushed by hand, Dockerfiles built by a Docker of our own."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from . import processes
from .places import CHECKOUT, REGISTRY, cache, state
from .processes import start, wait_for
from .programs import find

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG: Final = "application/vnd.docker.container.image.v1+json"
LAYER: Final = "application/vnd.docker.image.rootfs.diff.tar.gzip"
BASE: Final = "outrider-test/base"
BASE_PACKAGES: Final = "python3,python3-pip,python3-venv,git,curl,ca-certificates,tini,openssh-client"


def reference(name: str, tag: str = "latest") -> str:
    return f"{REGISTRY}/{name}:{tag}"


def pushed(name: str, tag: str = "latest") -> bool:
    return _request("HEAD", f"{name}/manifests/{tag}", headers={"Accept": MANIFEST}) == 200


def push_single_file(name: str, program: Path, inside: str = "") -> str:
    """An image of one static program, which it runs; ``inside``: its name there. Returns the reference."""
    tag, inside = hashlib.sha256(program.read_bytes()).hexdigest()[:16], inside or program.name
    if not pushed(name, tag):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            archive.add(program, inside)
        for label in (tag, "latest"):
            _push(name, label, buffer.getvalue(), {"Entrypoint": [f"/{inside}"], "User": "65534"})
    return reference(name, tag)


def base_image() -> str:
    """A small Debian with Python, from packages alone; it trusts what this machine trusts."""
    tag = hashlib.sha256(BASE_PACKAGES.encode() + b"2").hexdigest()[:16]
    if not pushed(BASE, tag):
        print("Making the base image with debootstrap (once) …", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=cache()) as scratch:
            root = Path(scratch) / "root"
            command = ["nice", "-n", "19", find("debootstrap"), "--variant=minbase", f"--include={BASE_PACKAGES}"]
            quiet = subprocess.run([*command, "bookworm", str(root)], capture_output=True, text=True, check=False)
            if quiet.returncode:
                raise RuntimeError(f"debootstrap failed: {quiet.stdout[-1000:]}")
            shutil.copy("/etc/ssl/certs/ca-certificates.crt", root / "etc/ssl/certs/ca-certificates.crt")
            for folder in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
                shutil.rmtree(root / folder, ignore_errors=True)
                (root / folder).mkdir(parents=True, exist_ok=True)
            archive = Path(scratch) / "base.tar"
            subprocess.run(["tar", "-C", str(root), "--exclude=./dev/*", "-cf", str(archive), "."], check=True)
            bundle = "/etc/ssl/certs/ca-certificates.crt"
            env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
            env += [f"{name}={bundle}" for name in ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS")]
            _push(BASE, tag, archive.read_bytes(), {"Env": env, "Cmd": ["bash"]})
    return reference(BASE, tag)


def build(name: str, dockerfile: Path, inputs: Iterable[Path], base: str, **args: str) -> str:
    """Build a Dockerfile of the checkout and push it; unchanged inputs are not built again. Returns the reference."""
    digest = hashlib.sha256(base.encode() + json.dumps(args, sort_keys=True).encode())
    for path in [dockerfile, *_files(inputs)]:
        digest.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    tag = digest.hexdigest()[:16]
    if pushed(name, tag):
        return reference(name, tag)
    print(f"Building the image {name} …", file=sys.stderr, flush=True)
    settings = {"BASE_IMAGE": base, **args}
    options = [word for key, value in settings.items() for word in ("--build-arg", f"{key}={value}")]
    target = reference(name, tag)
    run_docker(docker(), "build", "--network=host", "-q", "-t", target, "-f", str(dockerfile), *options, str(CHECKOUT))
    run_docker(docker(), "push", "-q", target)
    return target


def run_docker(program: list[str], *words: str) -> None:
    """Run one of Docker's commands. Raises RuntimeError with what it said."""
    command = ["nice", "-n", "19", *program, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=_environment())
    if done.returncode:
        raise RuntimeError(f"docker {' '.join(words)} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")


def _files(inputs: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in inputs:
        listed = subprocess.check_output(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", str(path)], cwd=CHECKOUT
        )
        found += [CHECKOUT / word for word in listed.decode().split("\0") if word]
    return sorted(path for path in set(found) if path.is_file())


def _environment() -> dict[str, str]:
    return {**os.environ, "DOCKER_BUILDKIT": "0", "DOCKER_CONFIG": str(state() / "config" / "docker")}


def docker() -> list[str]:
    """The command line of a Docker that serves us alone; it keeps its layers in the cache."""
    socket = state() / "docker.sock"
    if processes.running("dockerd") is None:
        command: list[Any] = [find("dockerd"), "--host", f"unix://{socket}", "--data-root", cache() / "docker"]
        command += ["--exec-root", state() / "docker", "--pidfile", state() / "docker.pid", "--bridge=none"]
        command += ["--iptables=false", "--ip-forward=false", "--insecure-registry", REGISTRY]
        start("dockerd", command)
    client = [find("docker"), "--host", f"unix://{socket}"]
    quiet: dict[str, Any] = {"capture_output": True, "check": False}
    wait_for("dockerd does not answer", lambda: subprocess.run([*client, "info"], **quiet).returncode == 0)
    return client


# -- the registry's protocol --------------------------------------------------------------------------------------


def _push(name: str, tag: str, layer: bytes, config: dict[str, Any]) -> None:
    packed = gzip.compress(layer, compresslevel=1, mtime=0)
    described = {
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        "history": [{"created_by": "outrider tests"}],
    }
    content = json.dumps(described).encode()
    for blob in (packed, content):
        _upload(name, blob)
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "size": len(content), "digest": _digest(content)},
        "layers": [{"mediaType": LAYER, "size": len(packed), "digest": _digest(packed)}],
    }
    headers = {"Content-Type": MANIFEST}
    status = _request("PUT", f"{name}/manifests/{tag}", json.dumps(manifest).encode(), headers)
    if status != 201:
        raise RuntimeError(f"the registry refused {name}:{tag}: {status}")


def _upload(name: str, blob: bytes) -> None:
    digest = _digest(blob)
    if _request("HEAD", f"{name}/blobs/{digest}") == 200:
        return
    begin = urllib.request.Request(f"http://{REGISTRY}/v2/{name}/blobs/uploads/", data=b"", method="POST")
    with urllib.request.urlopen(begin, timeout=30) as response:
        place = response.headers["Location"]
    if place.startswith("/"):
        place = f"http://{REGISTRY}{place}"
    url = f"{place}{'&' if '?' in place else '?'}digest={digest}"
    put = urllib.request.Request(url, blob, {"Content-Type": "application/octet-stream"}, method="PUT")
    with urllib.request.urlopen(put, timeout=300):
        pass


def _digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def _request(method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> int:
    request = urllib.request.Request(f"http://{REGISTRY}/v2/{path}", body, headers or {}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
