"""A real registry (Debian's docker-registry) for tests, and images pushed into it through its own API."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from tests.integration.hub.platform_process import eventually, free_block

USER, PASSWORD = "reader", "pull-me"
HTPASSWD = "reader:$2b$04$YQQFeKslrmSyyxAOvuSO5u.jKvjRJcu9yFNRSrqtDpD.1fmb0.ASm\n"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def program() -> str | None:
    return shutil.which("docker-registry")


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """A running registry at ``name`` ("127.0.0.1:PORT")."""

    def __init__(self, port: int, *, login: bool) -> None:
        self.name = f"127.0.0.1:{port}"
        self.allowed = f"http://{self.name}"
        self.http = httpx.Client(
            base_url=f"http://{self.name}/v2/", auth=(USER, PASSWORD) if login else None, timeout=30
        )

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.http.get("").status_code == 200
        return False

    def _must(self, answer: httpx.Response) -> httpx.Response:
        assert answer.status_code in (201, 202), answer.text
        return answer

    def blob(self, repository: str, data: bytes) -> str:
        """Push a blob; its digest."""
        digest = digest_of(data)
        where = self._must(self.http.post(f"{repository}/blobs/uploads/")).headers["location"]
        url = httpx.URL(where).copy_merge_params({"digest": digest})
        self._must(self.http.put(url, content=data, headers={"Content-Type": "application/octet-stream"}))
        return digest

    def manifest(self, repository: str, tag: str | None, document: dict[str, Any]) -> str:
        data = json.dumps(document).encode()
        digest = digest_of(data)
        headers = {"Content-Type": document["mediaType"]}
        self._must(self.http.put(f"{repository}/manifests/{tag or digest}", content=data, headers=headers))
        return digest

    def image(
        self, repository: str, tag: str | None = "1", architecture: str = "amd64", **config: Any
    ) -> tuple[str, int]:
        """Push a small image; its digest and size."""
        content = {"architecture": architecture, "os": "linux", "created": "2024-05-06T07:08:09Z", "config": config}
        content["rootfs"] = {"type": "layers", "diff_ids": []}
        described, layer = json.dumps(content).encode(), f"{repository} {tag} {architecture}".encode() * 10
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": self.blob(repository, described), "size": len(described)},
            "layers": [{"mediaType": LAYER, "digest": self.blob(repository, layer), "size": len(layer)}],
        }
        return self.manifest(repository, tag, document), len(described) + len(layer)

    def index(self, repository: str, tag: str, *architectures: str) -> str:
        """Push a multi-architecture image; the digest of its index."""
        entries = []
        for architecture in architectures:
            digest, _ = self.image(repository, None, architecture)
            platform = {"os": "linux", "architecture": architecture}
            entries.append({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": platform})
        return self.manifest(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})


@contextlib.contextmanager
def running(folder: Path, *, login: bool) -> Iterator[Registry]:
    found = program()
    assert found is not None
    port = free_block(1)
    config: dict[str, Any] = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if login:
        (folder / "htpasswd").write_text(HTPASSWD)
        config["auth"] = {"htpasswd": {"realm": "tests", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    registry = Registry(port, login=login)
    try:
        eventually("the registry answers", registry.answers)
        yield registry
    finally:
        registry.http.close()
        process.terminate()
        process.wait(10)
