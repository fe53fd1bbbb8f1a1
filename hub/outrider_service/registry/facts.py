"""Reads manifests, indexes and configurations: pure functions from JSON to facts about an image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import orjson

INDEXES: Final = frozenset(
    {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
)
MANIFESTS: Final = frozenset(
    {"application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"}
)
CONFIGS: Final = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
ACCEPT: Final = ", ".join(sorted(INDEXES | MANIFESTS))
MOST_PLATFORMS: Final = 64
MOST_LABELS: Final = 32
LONGEST_LABEL: Final = 500


class ImageProblem(Exception):
    """Why a check failed. ``status`` is for programs, the message for the user."""

    def __init__(
        self,
        status: str,
        message: str,
        *,
        try_again_at: float | None = None,
        architectures: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.try_again_at = try_again_at
        self.architectures = architectures or []


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image for one architecture: its configuration and its layers."""

    config_digest: str
    size: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the image says about itself."""

    architecture: str
    ports: list[str] = field(default_factory=list)
    user: str | None = None
    cuda: str | None = None
    created_at: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def digest_of(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def not_an_image(why: str) -> ImageProblem:
    return ImageProblem("not_an_image", f"This is not a container image: {why}.")


def read_json(body: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise not_an_image("the registry's answer is not JSON") from error
    if not isinstance(found, dict):
        raise not_an_image("the registry's answer is not a manifest")
    return found


def media_type(document: Mapping[str, Any], header: str | None) -> str:
    """The media type of a manifest, from the document itself or from its Content-Type."""
    own = document.get("mediaType")
    return own if isinstance(own, str) else (header or "").partition(";")[0].strip()


def platforms(index: Mapping[str, Any]) -> dict[str, str]:
    """Digests of an index's Linux images by architecture ("amd64", "arm64/v8"). Attestations are skipped."""
    found: dict[str, str] = {}
    entries = index.get("manifests")
    for entry in (entries if isinstance(entries, list) else [])[:MOST_PLATFORMS]:
        platform = entry.get("platform") if isinstance(entry, dict) else None
        if not isinstance(platform, dict) or platform.get("os") != "linux":
            continue
        architecture, variant = platform.get("architecture"), platform.get("variant")
        digest = entry.get("digest")
        if isinstance(architecture, str) and isinstance(digest, str) and architecture != "unknown":
            name = f"{architecture}/{variant}" if isinstance(variant, str) and variant else architecture
            found.setdefault(name[:64], digest)
    return found


def choose(found: Mapping[str, str], wanted: str) -> str:
    """The digest of the image for this architecture. Raises ImageProblem."""
    for name, digest in found.items():
        if name.partition("/")[0] == wanted:
            return digest
    if not found:
        raise not_an_image("its index contains no Linux image")
    raise wrong_architecture(list(found), wanted)


def wrong_architecture(found: list[str], wanted: str) -> ImageProblem:
    text = f"The image is for {', '.join(found)}, but the machines here are {wanted}."
    return ImageProblem("wrong_architecture", text, architectures=found)


def read_manifest(document: Mapping[str, Any]) -> Manifest:
    """Raises ImageProblem for artifacts that are not images, such as a Helm chart or a signature."""
    config, layers = document.get("config"), document.get("layers")
    if not isinstance(config, dict) or not isinstance(layers, list) or document.get("schemaVersion") != 2:
        raise not_an_image("its manifest lacks a configuration or layers")
    if config.get("mediaType") not in CONFIGS:
        raise not_an_image(f"it holds {str(config.get('mediaType'))[:100]}")
    sizes = [part.get("size") for part in [config, *layers] if isinstance(part, dict)]
    digest = config.get("digest")
    if not isinstance(digest, str):
        raise not_an_image("its manifest has no configuration")
    return Manifest(digest, sum(size for size in sizes if isinstance(size, int) and size > 0))


def read_configuration(document: Mapping[str, Any]) -> Configuration:
    inner = document.get("config")
    inner = inner if isinstance(inner, dict) else {}
    architecture = document.get("architecture")
    if not isinstance(architecture, str) or document.get("os", "linux") != "linux":
        raise not_an_image(f"it is for {str(document.get('os'))[:32]}, not Linux")
    labels = inner.get("Labels")
    labels = labels if isinstance(labels, dict) else {}
    ports = inner.get("ExposedPorts")
    created = document.get("created")
    return Configuration(
        architecture=architecture[:64],
        ports=sorted(str(port)[:16] for port in ports)[:64] if isinstance(ports, dict) else [],
        user=str(inner["User"])[:255] if inner.get("User") else None,
        cuda=_cuda(inner.get("Env"), labels),
        created_at=_moment(created),
        labels={str(k)[:255]: str(v)[:LONGEST_LABEL] for k, v in list(labels.items())[:MOST_LABELS]},
    )


def _cuda(env: Any, labels: Mapping[str, Any]) -> str | None:
    """The CUDA version declared by NVIDIA's images and images built on them."""
    pairs = dict(str(item).partition("=")[::2] for item in env) if isinstance(env, list) else {}
    version = pairs.get("CUDA_VERSION") or labels.get("com.nvidia.cuda.version")
    return str(version)[:32] if version else None


def _moment(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).isoformat()


def try_again_at(headers: Mapping[str, str], now: float) -> float | None:
    """When the rate limit ends, from Retry-After or Docker Hub's window; None: unknown."""
    said = headers.get("retry-after", "").strip()
    if said.isdecimal():
        # Docker Hub sends a time where others send seconds.
        return float(said) if int(said) > 10**9 else now + int(said)
    if said:
        try:
            return parsedate_to_datetime(said).timestamp()
        except ValueError:
            pass
    _, _, window = headers.get("ratelimit-limit", "").partition(";w=")
    return now + int(window) if window.isdecimal() else None
