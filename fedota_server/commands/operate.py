"""Commands to a running `fedota serve`: pause, resume, stop, revoke, rollback, selectors."""

from __future__ import annotations

from typing import Annotated

import typer

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.commands.context import ProblemArgument, context_of, folder_at, run
from fedota_server.problem_folder import ProblemFolder
from fedota_server.status_client import operator


def pause(ctx: typer.Context, folder: ProblemArgument) -> None:
    """Pause the problem after the round that is open; clients stay connected.

    \b
    Example:
      fedota pause breast-cancer
    """
    _give(ctx, folder_at(folder), pb.Command(pause=True))


def resume(ctx: typer.Context, folder: ProblemArgument) -> None:
    """Go on after a pause, or take up a failed problem at its last checkpoint.

    \b
    Example:
      fedota resume breast-cancer
    """
    _give(ctx, folder_at(folder), pb.Command(resume=True))


def stop(ctx: typer.Context, folder: ProblemArgument) -> None:
    """End the problem now: the open round is abandoned, the last checkpoint is the result.

    \b
    Example:
      fedota stop breast-cancer
    """
    _give(ctx, folder_at(folder), pb.Command(stop=True))


def revoke(
    ctx: typer.Context,
    folder: ProblemArgument,
    who: Annotated[
        str, typer.Argument(metavar="NAME", help="A name as in `fedota invite`, or a node id.")
    ],
) -> None:
    """End a data holder's membership; its connection ends within 10 seconds.

    \b
    Examples:
      fedota revoke breast-cancer north
      fedota revoke breast-cancer 5127493621170321840
    """
    problem = folder_at(folder)
    _give(ctx, problem, pb.Command(revoke=problem.members.find(who).node_id))


def rollback(
    ctx: typer.Context,
    folder: ProblemArgument,
    server_round: Annotated[
        int,
        typer.Argument(metavar="ROUND", min=0, help="The completed round to go on from."),
    ],
) -> None:
    """Go back to a completed round and go on from there; the rounds after it stay in the history.

    \b
    Example:
      fedota rollback breast-cancer 7
    """
    _give(ctx, folder_at(folder), pb.Command(roll_back_to=server_round))


def selectors(
    ctx: typer.Context,
    folder: ProblemArgument,
    count: Annotated[int, typer.Argument(metavar="N", min=1, max=100, help="How many.")],
) -> None:
    """Change how many selectors run; clients of one that goes move to the others.

    \b
    Example:
      fedota selectors breast-cancer 4
    """
    _give(ctx, folder_at(folder), pb.Command(selectors=count))


def _give(ctx: typer.Context, folder: ProblemFolder, command: pb.Command) -> None:
    async def give() -> str:
        async with operator(folder) as client:
            return await client.give(command)

    context_of(ctx).say(run(give()))
