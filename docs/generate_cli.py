"""Write docs/cli.md from the command line's code: ``python docs/generate_cli.py``.

The page is in the repository, so that it can be read there; a test compares it with the code.
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

Tables, colours and progress bars appear only on a terminal, and not with `--json`, which prints one JSON document
(with `--follow` and `run`: one per line). Results go to standard output, everything else to standard error; with
`--json`, errors are printed as `{"status", "message", "field"}`.

## Platform and login

The command uses the first of: `OUTRIDER_URL` and `OUTRIDER_TOKEN`; inside a notebook, the notebook's own token; the
login that `outrider login` stored in `$XDG_CONFIG_HOME/outrider/credentials.json`, readable only by you.
`outrider login` without an address logs in to the platform that you started on this machine;
`outrider login https://hub.example.org` asks for a token and says where to create one. A token is only ever sent to the
address that it was stored for.

## Exit codes

| code | `run`, `jobs wait` | the other commands |
|---|---|---|
| 0 | the job succeeded | success |
| 1 | the job's own | an error |
| 2 | the job's own | usage error |
| 3 | the job's own | not found |
| 4 | the job's own | not allowed, or not logged in |
| 5 | the job's own | platform unreachable |
| 125 | an error of Outrider's or in the command's usage, or the job has no exit code (cancelled, for example) | |
| 130 | Ctrl-C: no longer following, the job keeps running | Ctrl-C |

Any other code of `run` and `jobs wait` is the job's own: 128 plus the signal's number if a signal ended it.

## `outrider.toml`

A project's defaults for `run` and `jobs create`, in the workspace's directory. The command line takes precedence;
`env`, `params` and `inputs` are merged.

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

Other keys: `name`, `notebook`, `project`, `experiment`, `group`, `cluster`, `retries`, `priority`,
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
