"""Image references as Docker reads them, by the grammar of the distribution specification. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

DOCKER_HUB: Final = "docker.io"
DOCKER_HUB_API: Final = "registry-1.docker.io"
LONGEST_NAME: Final = 255

COMPONENT: Final = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]{0,61}[A-Za-z0-9])"
DOMAIN: Final = re.compile(rf"(?:{COMPONENT}(?:\.{COMPONENT})*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{{1,5}})?")
PART: Final = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
REPOSITORY: Final = re.compile(rf"{PART}(?:/{PART})*")
TAG: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class BadReference(ValueError):
    """The text is not an image reference; the message says why."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A complete image reference. At least one of ``tag`` and ``digest`` is set; the digest takes precedence."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry}/{self.repository}{tag}" + (f"@{self.digest}" if self.digest else "")

    @property
    def host(self) -> str:
        """The host of its API."""
        return DOCKER_HUB_API if self.registry == DOCKER_HUB else self.registry

    @property
    def wanted(self) -> str:
        """The digest if there is one, else the tag."""
        return self.digest or self.tag or "latest"


def normal_registry(name: str) -> str:
    """A registry's name in its canonical spelling. Raises BadReference."""
    name = name.strip().removeprefix("https://").rstrip("/").lower()
    if name in ("index.docker.io", "registry-1.docker.io", "docker.io/v1", "index.docker.io/v1", "hub.docker.com"):
        return DOCKER_HUB
    if not DOMAIN.fullmatch(name):
        raise BadReference(f"{name!r} is not the name of a registry")
    return name


def parse(text: str) -> Reference:
    """``python``, ``user/image:1``, ``ghcr.io/org/image@sha256:…``. Raises BadReference."""
    name, at, digest = text.partition("@")
    if at and not DIGEST.fullmatch(digest):
        raise BadReference("what follows the @ must be sha256: and 64 hexadecimal digits")
    first, slash, rest = name.partition("/")
    has_registry = slash and (first == "localhost" or "." in first or ":" in first or first.lower() != first)
    registry, path = (first, rest) if has_registry else (DOCKER_HUB, name)
    if has_registry and not DOMAIN.fullmatch(registry):
        raise BadReference(f"{registry!r} is not the name of a registry")
    repository, colon, tag = path.partition(":")
    if colon and not TAG.fullmatch(tag):
        raise BadReference(f"{tag!r} is not a tag: letters, digits, and . _ - behind the first, 128 at most")
    registry = normal_registry(registry)
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not REPOSITORY.fullmatch(repository) or len(f"{registry}/{repository}") > LONGEST_NAME:
        hint = "; repositories are in lower case" if repository.lower() != repository else ""
        raise BadReference(f"{path!r} is not the name of a repository{hint}")
    return Reference(registry, repository, tag or (None if digest else "latest"), digest or None)
