"""``outrider secrets``: what jobs are given and nobody is shown."""

from __future__ import annotations

import sys

import click

from . import output
from .base import client, json_option


@click.group()
def secrets() -> None:
    """Keep tokens and passwords for jobs, registries and Git servers.

    Values are encrypted where they are kept and shown to nobody, you included. A job gets those that it names:
    outrider run --secret NAME -- python train.py
    """


def _kind(registry: bool, git: bool) -> str:
    if registry and git:
        raise click.UsageError("--registry and --git exclude each other.")
    return "registry" if registry else "git" if git else "variable"


def _kind_options(command: click.decorators.FC) -> click.decorators.FC:
    command = click.option("--group", help="Of a group of yours: for all of its members.")(command)
    command = click.option("--git", is_flag=True, help="NAME is the host of a Git server, as github.com.")(command)
    return click.option("--registry", is_flag=True, help="NAME is a registry's host, as ghcr.io or docker.io.")(command)


@secrets.command("list")
@json_option
def list_secrets(as_json: bool) -> None:
    """List the names of your secrets and your groups'."""
    from ..models import as_json as plain

    found = client().secrets.list()
    if as_json:
        output.document({"items": plain(found)})
        return
    output.table(
        ("name", "for", "account", "whose", "changed"),
        (
            (
                secret.name,
                {"variable": "jobs", "registry": "images", "git": "repositories"}.get(secret.kind, secret.kind),
                secret.account,
                "everybody" if secret.everybody else secret.group or "you",
                output.when(secret.changed_at),
            )
            for secret in found
        ),
        empty="There are no secrets. Set one: outrider secrets set NAME",
    )


@secrets.command("set")
@click.argument("name")
@_kind_options
@click.option("--account", help="User name that belongs to the password of a registry or Git server.")
@json_option
def set_secret(name: str, registry: bool, git: bool, group: str | None, account: str | None, as_json: bool) -> None:
    """Set a secret. Its value is asked for, or read from standard input."""
    from ..models import as_json as plain

    kind = _kind(registry, git)
    if kind != "variable" and account is None:
        raise click.UsageError("--account is missing: whose password or token is it?")
    if sys.stdin.isatty():
        value = click.prompt("Value", hide_input=True, err=True)
    else:
        # A newline at the end is the shell's (echo), not the secret's.
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise click.UsageError("The value is empty.")
    secret = client().secrets.set(name, value, kind=kind, account=account, group=group)
    if as_json:
        output.document(plain(secret))
    else:
        output.note(f"{secret.name} is set.", colour="green")


@secrets.command()
@click.argument("name")
@_kind_options
@json_option
def remove(name: str, registry: bool, git: bool, group: str | None, as_json: bool) -> None:
    """Remove a secret."""
    client().secrets.remove(name, kind=_kind(registry, git), group=group)
    if as_json:
        output.document({"name": name, "removed": True})
    else:
        output.note(f"{name} is removed.")
