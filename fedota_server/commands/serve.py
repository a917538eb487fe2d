"""`fedota serve`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.commands.context import (
    CommandContext,
    ProblemArgument,
    context_of,
    folder_at,
    run,
)
from fedota_server.commands.following import (
    COMPLETED,
    Take,
    follow,
    until_clients_left,
    until_finished,
)
from fedota_server.commands.invite import DEFAULT_SELECTORS
from fedota_server.event_lines import event_line
from fedota_server.jobs import take_in_model
from fedota_server.problem_folder import ProblemFolder
from fedota_server.server_specs import coordinator_settings
from fedota_server.serving import ProblemServers, ServePlan
from fedota_server.spawners.base import Spawner


def serve(
    ctx: typer.Context,
    folder: ProblemArgument,
    selectors: Annotated[
        int, typer.Option(min=1, max=100, help="How many doors clients can come through.")
    ] = DEFAULT_SELECTORS,
    host: Annotated[
        str,
        typer.Option(
            metavar="HOST",
            help="Name or address by which data holders reach this machine. It is kept, stands in "
            "the invites, and is 127.0.0.1 at first, for a trial on one machine.",
        ),
    ] = "",
    exit_when_finished: Annotated[
        bool,
        typer.Option(
            "--exit-when-finished",
            help="End when the problem is completed (exit code 0) or failed (1).",
        ),
    ] = False,
) -> None:
    """Serve a problem: start its coordinator and selectors and keep them running.

    It goes on with the round after the last checkpoint. When the problem is completed it stays up
    and answers clients until it is stopped with Ctrl-C or SIGTERM, which loses at most the open
    round's work.

    \b
    Examples:
      fedota serve breast-cancer
      fedota serve breast-cancer --selectors 4 --host learning.example.org
      fedota serve breast-cancer --exit-when-finished
    """
    context = context_of(ctx)
    problem = folder_at(folder)
    state = run(_serve(context, problem, selectors, host, exit_when_finished))
    if state != COMPLETED:
        raise typer.Exit(1)


async def plan_for(
    context: CommandContext,
    folder: ProblemFolder,
    spawner: Spawner,
    *,
    selectors: int,
    host: str = "",
) -> ServePlan:
    """Bring a problem's folder into the state in which it can be served.

    Raises
    ------
    FedotaError
        There is no platform CA, the model is refused, or the folder changed after the training
        began.
    """
    platform = context.home.authority()
    folder.refuse_if_changed()
    keys = folder.keys(platform)
    if folder.manifest() is None:
        context.say("the model is inspected; this is done once")
    await take_in_model(folder, context.jobs(spawner))
    folder.note_beginning()
    folder.ports(selectors, host)
    return ServePlan(
        folder=folder,
        keys=keys,
        webserver=context.home.webserver_identity(),
        selectors=selectors,
        coordinator_settings=coordinator_settings(folder),
        start_timeout_s=context.settings.start_timeout_s,
    )


def say_events(
    context: CommandContext,
    folder: ProblemFolder,
    say: Callable[[str, pb.Event], None] | None = None,
) -> Take:
    """Make what writes one line for each event that is worth one.

    Parameters
    ----------
    context
        Of the command.
    folder
        Knows the holders' names.
    say
        Takes each line and the event behind it; the console unless told.
    """

    def take(message: pb.WatchMessage) -> None:
        if message.HasField("event"):
            line = event_line(message.event, folder.members.names())
            if line and say is not None:
                say(line, message.event)
            elif line:
                context.say(line)

    return take


async def _serve(
    context: CommandContext,
    folder: ProblemFolder,
    selectors: int,
    host: str,
    exit_when_finished: bool,
) -> str:
    spawner = context.spawner(folder)
    with folder.locked():
        plan = await plan_for(context, folder, spawner, selectors=selectors, host=host)
        servers = ProblemServers(plan, spawner, context.say)
        take = say_events(context, folder)
        began = servers.store.last_seq
        async with servers.serving():
            context.say(
                f"“{folder.problem().title}” is served; invite data holders with "
                f"`fedota invite {folder.folder} NAME`"
            )
            if not exit_when_finished:
                await follow(servers.servicer, take, began)
            state = await until_finished(servers.servicer, take, began)
            await until_clients_left(servers.servicer)
            return state
