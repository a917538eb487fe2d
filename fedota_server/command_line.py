"""`fedota`: the command line of whoever sets and serves problems."""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import click
import typer
from typer.core import TyperGroup

from fedota_proto.errors import FedotaError
from fedota_server.commands import (
    audit,
    backup,
    demo,
    doctor,
    export,
    init,
    invite,
    operate,
    problem,
    problems,
    run_app,
    serve,
    servers,
    status,
    up,
    users,
)
from fedota_server.commands.context import CommandContext
from fedota_server.commands.plain_help import PlainCommand

_INTERRUPTED = 130


class SuggestingGroup(TyperGroup):
    """A group that takes ``--home`` anywhere and knows what a misspelt command meant."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Move ``--home`` in front of the command's name."""
        if ctx.parent is None:
            args = _home_first(args)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one is nearest."""
        if args and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint}", ctx=ctx)
        return super().resolve_command(ctx, args)


def _home_first(arguments: Sequence[str]) -> list[str]:
    moved: list[str] = []
    rest: list[str] = []
    left = iter(arguments)
    for argument in left:
        if argument == "--":
            rest += [argument, *left]
        elif argument == "--home":
            moved += [argument, *(value for value in [next(left, None)] if value is not None)]
        elif argument.startswith("--home="):
            moved.append(argument)
        else:
            rest.append(argument)
    return [*moved, *rest]


app = typer.Typer(
    name="fedota",
    cls=SuggestingGroup,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


@app.callback()
def fedota(
    ctx: typer.Context,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The platform's folder; else FEDOTA_HOME, else ~/.fedota.",
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Log what happens inside.")] = False,
) -> None:
    """Set learning problems and train them on data that stays with its holders.

    \b
    A first problem, from a Keras model and a sample of the data:
      fedota init
      fedota problem new tumours --model model.keras --sample sample.csv
      fedota problem check tumours
      fedota invite tumours north --out north.invite
      fedota serve tumours --selectors 2

    \b
    A data holder then runs:
      fedota-client join north.invite --data DIR

    \b
    Four hospitals on this machine:
      fedota demo
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    ctx.obj = CommandContext.make(home)


app.command(cls=PlainCommand)(init.init)
app.add_typer(problem.app, name="problem")
app.command(cls=PlainCommand)(serve.serve)
app.command(cls=PlainCommand)(invite.invite)
app.command(cls=PlainCommand)(status.status)
for operation in (
    operate.pause,
    operate.resume,
    operate.stop,
    operate.revoke,
    operate.rollback,
    operate.selectors,
):
    app.command(cls=PlainCommand)(operation)
app.command(cls=PlainCommand)(export.export)
app.command(name="run-app", cls=PlainCommand)(run_app.run_app)
app.command(cls=PlainCommand)(demo.demo)
app.add_typer(users.app, name="users")
app.add_typer(problems.app, name="problems")
for administration in (
    servers.servers,
    audit.audit,
    doctor.doctor,
    backup.backup,
    backup.restore,
):
    app.command(cls=PlainCommand)(administration)
app.command(cls=PlainCommand)(up.up)


def run(arguments: Sequence[str]) -> int:
    """Run one command line.

    Parameters
    ----------
    arguments
        Without the program's name.

    Returns
    -------
    int
        0 if all went well, 2 if the command line itself is wrong, 130 after Ctrl-C, 1 otherwise.
    """
    try:
        result: Any = app(args=list(arguments), standalone_mode=False, prog_name="fedota")
    except FedotaError as error:
        logging.getLogger(__name__).info("%s", error.detail)
        typer.echo(f"fedota: {error.public_message}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        result = _INTERRUPTED
    if result == _INTERRUPTED:  # which is also what Typer makes of Ctrl-C
        typer.echo("fedota: stopped.", err=True)
    return result if isinstance(result, int) else 0
