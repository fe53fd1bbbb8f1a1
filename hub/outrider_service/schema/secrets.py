"""Secrets over HTTP: values come in and never go out."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from .common import Request, Resource, Timestamp
from .jobs import Text

SecretKind = Literal["variable", "registry", "git", "ssh"]


def _account(value: str) -> str:
    if not value.isprintable() or ":" in value:
        raise ValueError("must be a user name, without a colon")
    return value


def _known_hosts(value: str) -> str:
    for line in value.splitlines():
        words = line.split()
        if words and not line.startswith("#") and len(words) < 3:
            raise ValueError(f"{line[:60]!r} is not a line of known_hosts, as ssh-keyscan prints them")
    return value


class SecretQuery(Request):
    """Whose: one's own, or those of a group that one is in."""

    group: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class SecretWrite(Request):
    """A new value. For a registry or a Git server: the password or token, with the ``account`` that it belongs to. For
    repositories over ssh: the private key without a passphrase, and the lines of ``known_hosts`` of the server."""

    value: Annotated[Text, Field(min_length=1)]
    account: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_account)] | None = None
    known_hosts: Annotated[str, Field(max_length=16384), AfterValidator(_known_hosts)] = ""


class SecretInfo(Resource):
    """All that is shown of a secret."""

    kind: SecretKind
    name: str = Field(description="the variable's name, or the host of the registry, Git or ssh server")
    account: str | None
    group: str | None = Field(description="null: the caller's own, or everybody's")
    everybody: bool = Field(description="registry credentials that the administrator set for everybody")
    changed_at: Timestamp
    changed_by: str


class SecretList(Resource):
    items: list[SecretInfo]


class Rotation(Resource):
    sealed: int = Field(description="secrets encrypted with the new key")
