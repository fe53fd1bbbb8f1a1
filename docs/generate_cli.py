"""Write docs/cli.md from the command line's own code: ``python docs/generate_cli.py``.

The page is kept in the repository so that it can be read there; a test holds it against the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from outrider.cli import cli

TARGET = Path(__file__).with_name("cli.md")

INTRODUCTION = """# The `outrider` command

*Generated from the code by `docs/generate_cli.py`; edit the commands' own help instead.*

Tables, colours and progress bars are for people: none of them appears when the output is no terminal, nor
with `--json`, which prints one JSON document (`--follow` and `run`: one a line). Results go to standard
output, everything about them to standard error, errors under `--json` as `{"status", "message", "field"}`.

## Which platform, and who

In this order: `OUTRIDER_URL` and `OUTRIDER_TOKEN`; inside a notebook, what it has there by itself; the login
that `outrider login` stored in `$XDG_CONFIG_HOME/outrider/credentials.json`, readable by you alone.
`outrider login` without an address logs in to the platform that you started on this machine;
`outrider login https://hub.example.org` asks for a token and says where to make one. A token
is only ever sent to the address that it was stored for.

## Exit codes

| code | `run`, `jobs wait` | the other commands |
|---|---|---|
| 0 | the job succeeded | done |
| 1 | the job's own | an error |
| 2 | the job's own | wrong usage |
| 3 | the job's own | not found |
| 4 | the job's own | not allowed, or not logged in |
| 5 | the job's own | the platform does not answer |
| 125 | Outrider failed or was used wrongly, or the job has no exit code (cancelled, say) | |
| 130 | Ctrl-C: no longer following, the job goes on | Ctrl-C |

Any other code of `run` and `jobs wait` is the job's own: 128 and the signal's number where a signal ended it.

## `outrider.toml`

A project's defaults for `run` and `jobs create`, in the workspace's directory. The command line
wins; `env`, `params` and `inputs` are merged.

```toml
[run]
machine = "gpu-small"
image = "python:3.11"
command = "python train.py"
env = { WANDB_MODE = "offline" }
params = { lr = 0.1 }
ports = [8080]
tags = ["nightly"]
timeout = "2h"
ignore = ["data/", "*.ckpt"]
```

The other keys: `name`, `notebook`, `project`, `experiment`, `group`, `cluster`, `retries`, `priority`,
`nodes`, `shm`, `public`, `secrets`, `inputs`.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, "## Commands\n", *commands(cli, click.Context(cli, info_name="outrider"))])


def commands(command: click.Command, context: click.Context) -> Iterator[str]:
    """A command's section, then those of the commands in it."""
    yield from section(command, context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from commands(below, click.Context(below, info_name=name, parent=context))


def section(command: click.Command, context: click.Context) -> Iterator[str]:
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    yield f"### `{context.command_path}`\n"
    yield f"    {usage}\n"
    yield paragraphs(command.help or "") + "\n"
    records = (param.get_help_record(context) for param in command.params)
    rows = [record for record in records if record and record[1]]
    if rows:
        yield "| option | |\n|---|---|"
        yield from (f"| `{cell(option)}` | {cell(text)} |" for option, text in rows)
        yield ""


def paragraphs(text: str) -> str:
    """Help text as Markdown: what click is told not to wrap is an example."""
    return "\n".join(line for line in cleandoc(text).splitlines() if line.strip() != "\b").strip()


def cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    TARGET.write_text(page().rstrip() + "\n", encoding="utf-8")
