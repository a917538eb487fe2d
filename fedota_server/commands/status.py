"""`fedota status`."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Annotated

import typer
from rich.live import Live

from fedota_server.commands.context import (
    CommandContext,
    ProblemArgument,
    context_of,
    folder_at,
    run,
)
from fedota_server.problem_folder import ProblemFolder
from fedota_server.status_client import StatusClient, operator
from fedota_server.status_view import StatusView

_ONCE_WAIT_S = 3.0


def status(
    ctx: typer.Context,
    folder: ProblemArgument,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one JSON object and end, for scripts.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
) -> None:
    """Show where a problem stands: state, round clock, selectors, rounds.

    In a terminal the table stays and follows; Ctrl-C ends it, not the problem.

    \b
    Examples:
      fedota status breast-cancer
      fedota status breast-cancer --json | jq .completed_round
    """
    context = context_of(ctx)
    problem = folder_at(folder)
    view = StatusView(problem.problem().title, problem.members.names())
    if as_json or once or not context.live:
        run(_once(problem, view))
        if as_json:
            typer.echo(json.dumps(view.as_json(), indent=1))
        else:
            context.console.print(view.render())
    else:
        with contextlib.suppress(KeyboardInterrupt):
            run(_follow(context, problem, view))


async def _once(folder: ProblemFolder, view: StatusView) -> None:
    async with operator(folder) as client:
        try:
            async with asyncio.timeout(_ONCE_WAIT_S):
                async for message in client.watch():
                    view.take(message)
                    if view.clock is not None:
                        return
        except TimeoutError:
            return


async def _follow(context: CommandContext, folder: ProblemFolder, view: StatusView) -> None:
    async with operator(folder) as client:
        with Live(console=context.console, get_renderable=view.render, refresh_per_second=4):
            await _watch(client, view)


async def _watch(client: StatusClient, view: StatusView) -> None:
    async for message in client.watch():
        view.take(message)
