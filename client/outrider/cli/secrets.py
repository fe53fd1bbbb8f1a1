"""``outrider secrets``: secrets for jobs, registries and Git servers."""

from __future__ import annotations

import sys
from typing import TextIO

import click

from . import output
from .base import client, json_option


@click.group()
def secrets() -> None:
    """Manage secrets for jobs, registries and Git servers.

    Values are stored encrypted and never shown, not even to you. A job gets the secrets that it names: outrider run
    --secret NAME -- python train.py
    """


USES = {"variable": "jobs", "registry": "images", "git": "repositories", "ssh": "repositories over ssh"}


def _kind(registry: bool, git: bool, ssh: bool) -> str:
    chosen = [name for name, given in (("registry", registry), ("git", git), ("ssh", ssh)) if given]
    if len(chosen) > 1:
        raise click.UsageError(f"--{chosen[0]} and --{chosen[1]} are mutually exclusive.")
    return chosen[0] if chosen else "variable"


def _kind_options(command: click.decorators.FC) -> click.decorators.FC:
    command = click.option("--group", help="Belongs to one of your groups: all its members can use it.")(command)
    command = click.option("--ssh", is_flag=True, help="A deploy key; NAME is the Git server's host.")(command)
    command = click.option("--git", is_flag=True, help="NAME is a Git server's host, such as github.com.")(command)
    return click.option("--registry", is_flag=True, help="NAME is a registry's host, such as ghcr.io or docker.io.")(
        command
    )


@secrets.command("list")
@json_option
def list_secrets(as_json: bool) -> None:
    """List the names of your secrets and your groups' secrets."""
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
                USES.get(secret.kind, secret.kind),
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
@click.option("--account", help="User name for the registry or Git server.")
@click.option("--known-hosts", type=click.File(), help="With --ssh: the server's keys, as ssh-keyscan prints them.")
@json_option
def set_secret(
    name: str,
    registry: bool,
    git: bool,
    ssh: bool,
    group: str | None,
    account: str | None,
    known_hosts: TextIO | None,
    as_json: bool,
) -> None:
    """Set a secret. Prompts for the value, or reads it from standard input.

    A private key is read from standard input: outrider secrets set --ssh github.com < deploy_key
    """
    from ..models import as_json as plain

    kind = _kind(registry, git, ssh)
    if kind in ("registry", "git") and account is None:
        raise click.UsageError("--account is required with --registry and --git: the user name.")
    if known_hosts is not None and kind != "ssh":
        raise click.UsageError("--known-hosts requires --ssh.")
    if kind == "ssh" and sys.stdin.isatty():
        raise click.UsageError(f"Pass the private key on standard input: outrider secrets set --ssh {name} < FILE")
    hosts = known_hosts.read() if known_hosts is not None else None
    if sys.stdin.isatty():
        value = click.prompt("Value", hide_input=True, err=True)
    else:
        # A trailing newline comes from the shell (echo).
        value = sys.stdin.read().removesuffix("\n")
    if not value:
        raise click.UsageError("The value is empty.")
    secret = client().secrets.set(name, value, kind=kind, account=account, group=group, known_hosts=hosts)
    if as_json:
        output.document(plain(secret))
    else:
        output.note(f"Set {secret.name}.", colour="green")


@secrets.command()
@click.argument("name")
@_kind_options
@json_option
def remove(name: str, registry: bool, git: bool, ssh: bool, group: str | None, as_json: bool) -> None:
    """Remove a secret."""
    client().secrets.remove(name, kind=_kind(registry, git, ssh), group=group)
    if as_json:
        output.document({"name": name, "removed": True})
    else:
        output.note(f"Removed {name}.")
