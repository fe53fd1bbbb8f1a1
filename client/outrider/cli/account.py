"""``login``, ``logout``, ``whoami``, ``machines``, ``completion``: the caller and the platform."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from . import output
from .base import client, json_option

if TYPE_CHECKING:
    from ..models import Machine


@click.command()
@click.argument("url", required=False)
@click.option("--token-stdin", is_flag=True, help="Read the token from standard input.")
@json_option
def login(url: str | None, token_stdin: bool, as_json: bool) -> None:
    """Log in to the platform at URL, the Hub's address.

    The login is stored so that only you can read it. Without URL: log in to the platform that you started on this
    machine, without entering anything.
    """
    from .. import signin
    from ..credentials import credentials_file, normal_url

    if url is None:
        if token_stdin:
            raise click.UsageError("--token-stdin needs the URL that the token is for.")
        address, me = signin.on_this_machine()
    else:
        address = normal_url(url)
        me = signin.with_token(address, _ask_token(signin.token_page(address), token_stdin))
    if as_json:
        output.document({"url": address, "user": me.name, "stored": str(credentials_file())})
    else:
        output.note(f"Logged in at {address} as {me.name}.", colour="green")


def _ask_token(page: str, token_stdin: bool) -> str:
    if token_stdin:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty():
        output.note(f"Create a token at {page} and paste it here (it is not displayed).")
        token = click.prompt("Token", hide_input=True, err=True).strip()
    else:
        raise click.UsageError(f"There is no terminal to enter a token at. Create one at {page} and use --token-stdin.")
    if not token:
        raise click.UsageError("The token is empty.")
    return str(token)


@click.command()
@click.argument("url", required=False)
@json_option
def logout(url: str | None, as_json: bool) -> None:
    """Delete the stored login.

    Revokes its token if `outrider login` created it.
    """
    from .. import signin

    address = signin.log_out(url)
    if as_json:
        output.document({"url": address})
    else:
        output.note(f"Logged out of {address}." if address else "There was no login.")


@click.command()
@json_option
def whoami(as_json: bool) -> None:
    """Show your user name, limits and current usage."""
    from ..models import as_json as plain

    platform = client()
    me = platform.me()
    if as_json:
        output.document({"url": platform.url, **plain(me)})
        return
    limits, usage = me.limits or {}, me.usage or {}
    output.pairs(
        (
            ("user", me.name + (" (admin)" if me.admin else "")),
            ("platform", platform.url),
            ("login", platform.credentials_from),
            ("groups", ", ".join(me.groups or [])),
            ("running", _of(usage.get("running"), limits.get("max_running"))),
            ("pending", _of(usage.get("pending"), limits.get("max_pending"))),
            ("GPUs", _of(usage.get("gpus"), limits.get("max_gpus"))),
            (
                "current cost",
                f"{output.price_per_hour(usage['price_per_hour'])} per hour" if usage.get("price_per_hour") else None,
            ),
            ("budget", "; ".join(_budget(budget, me.name) for budget in me.budgets or [] if budget.get("budget"))),
            ("workspace", f"at most {limits['max_upload_mb']} MiB" if limits.get("max_upload_mb") else None),
        )
    )


def _budget(budget: dict[str, Any], user: str) -> str:
    who = "" if budget["subject"] == f"user:{user}" else budget["subject"].partition(":")[2] + ": "
    return f"{who}{budget['spent']:.2f} of {budget['budget']:.2f} this month"


def _of(used: int | None, limit: int | None) -> str:
    return f"{used or 0}" + (f" of {limit}" if limit is not None else "")


@click.command()
@json_option
def machines(as_json: bool) -> None:
    """List machine types with prices and free capacity."""
    from ..models import as_json as plain
    from ..snapshots import human_size

    found = client().machines()
    if as_json:
        output.document({"items": plain(found)})
        return
    output.table(
        ("name", "cpu", "memory", "gpu", "per hour", "free", "waiting", "title"),
        (
            (
                machine.name,
                f"{machine.cpu:g}",
                human_size(machine.memory_mb * 1024 * 1024),
                f"{machine.gpu} x {machine.gpu_model or 'GPU'}" if machine.gpu else "",
                output.price_per_hour(machine.price_per_hour) + (" preemptible" if machine.preemptible else ""),
                _free(machine),
                machine.waiting or "",
                machine.title,
            )
            for machine in found
        ),
        empty="The platform has no machine types.",
    )


def _free(machine: Machine) -> str:
    if machine.free is None:
        return "unknown"
    return "too large" if machine.total == 0 else str(machine.free)


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print a shell completion script.

    \b
        bash:  outrider completion bash >> ~/.bashrc
        zsh:   outrider completion zsh >> ~/.zshrc
        fish:  outrider completion fish > ~/.config/fish/completions/outrider.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    root = click.get_current_context().find_root()
    if kind is None:
        raise click.UsageError(f"Completion is not available for {shell}.")
    click.echo(kind(root.command, {}, "outrider", "_OUTRIDER_COMPLETE").source())
