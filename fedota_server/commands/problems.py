"""`fedota problems …`: the problems of the platform, as its administrator steers them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from fedota_proto.errors import CommandRefusedError
from fedota_server.commands.administering import (
    Desk,
    JsonOption,
    desk,
    show_table,
    time_words,
    write_json,
)
from fedota_server.commands.plain_help import PlainCommand

if TYPE_CHECKING:
    from fedota_server.webserver.views import ProblemCard, ProblemView

app = typer.Typer(
    help="List and steer the problems of the platform that `fedota up` serves.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

_MANY = 200
_ANSWER_WAIT_S = 10.0
_LOOK_S = 0.2

ProblemIdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The problem's id, as `fedota problems list` shows it.")
]


@app.command(name="list", cls=PlainCommand)
def list_problems(
    ctx: typer.Context,
    search: Annotated[
        str, typer.Option(metavar="WORDS", help="Only those with this in title or description.")
    ] = "",
    status: Annotated[str, typer.Option(metavar="STATUS", help="Only those of this status.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List all problems, drafts and archived ones too.

    \b
    Examples:
      fedota problems list
      fedota problems list --status running --json
    """
    with desk(ctx) as at:
        found: list[ProblemCard] = []
        while True:
            page = at.platform.problems.all(
                at.actor, search=search, status=status, offset=len(found), limit=_MANY
            )
            found += page.items
            if not page.has_more:
                break
    if as_json:
        write_json(found)
        return
    rows = [
        (
            one.problem_id,
            one.title,
            one.status,
            f"{one.completed_round}/{one.rounds}" if one.rounds else "–",
            one.members,
            one.owner,
        )
        for one in found
    ]
    show_table(at.context, ("ID", "TITLE", "STATUS", "ROUNDS", "MEMBERS", "SETTER"), rows)


@app.command(cls=PlainCommand)
def show(ctx: typer.Context, problem_id: ProblemIdArgument, as_json: JsonOption = False) -> None:
    """Show a problem: where it stands, its servers, what was done to it last.

    \b
    Examples:
      fedota problems show 3f2a90c1d4e5
      fedota problems show 3f2a90c1d4e5 --json
    """
    with desk(ctx) as at:
        view = at.platform.problems.view(at.actor, problem_id)
        servers = at.platform.problems.servers(at.actor, problem_id)
        changes = at.platform.problems.changes(at.actor, problem_id, limit=5)
    if as_json:
        write_json({"problem": view, "servers": servers, "changes": changes})
        return
    at.say(f"{view.title} ({view.problem_id}), set by {view.owner}")
    at.say(_standing(view))
    for server in servers:
        at.say(f"  {server.name}: {server.state}, started {server.starts} times. {server.detail}")
    for command in view.open_commands:
        at.say(f"  {command.what}: not answered yet, since {time_words(command.created_unix_s)}")
    for entry in changes:
        at.say(f"  {time_words(entry.unix_s)} {entry.actor}: {entry.action} {entry.detail}")


@app.command(cls=PlainCommand)
def start(ctx: typer.Context, problem_id: ProblemIdArgument) -> None:
    """Have the servers of a published problem started.

    \b
    Example:
      fedota problems start 3f2a90c1d4e5
    """
    with desk(ctx) as at:
        at.platform.problems.start(at.actor, problem_id)
        at.say("It is to be served: its servers start as soon as `fedota up` runs.")


@app.command(cls=PlainCommand)
def pause(ctx: typer.Context, problem_id: ProblemIdArgument) -> None:
    """Pause a problem after the round that is open; clients stay connected.

    \b
    Example:
      fedota problems pause 3f2a90c1d4e5
    """
    with desk(ctx) as at:
        _tell_answer(at, problem_id, at.platform.problems.pause(at.actor, problem_id))


@app.command(cls=PlainCommand)
def resume(ctx: typer.Context, problem_id: ProblemIdArgument) -> None:
    """Go on after a pause, or take up a failed problem at its last checkpoint.

    \b
    Example:
      fedota problems resume 3f2a90c1d4e5
    """
    with desk(ctx) as at:
        _tell_answer(at, problem_id, at.platform.problems.resume(at.actor, problem_id))


@app.command(cls=PlainCommand)
def stop(ctx: typer.Context, problem_id: ProblemIdArgument) -> None:
    """End a problem now: the open round is abandoned, the last checkpoint is the result.

    \b
    Example:
      fedota problems stop 3f2a90c1d4e5
    """
    with desk(ctx) as at:
        _tell_answer(at, problem_id, at.platform.problems.stop(at.actor, problem_id))


@app.command(cls=PlainCommand)
def rollback(
    ctx: typer.Context,
    problem_id: ProblemIdArgument,
    server_round: Annotated[
        int, typer.Argument(metavar="ROUND", min=0, help="The completed round to go on from.")
    ],
) -> None:
    """Go back to a completed round and go on from there; the rounds after it stay in the history.

    \b
    Example:
      fedota problems rollback 3f2a90c1d4e5 7
    """
    with desk(ctx) as at:
        command_id = at.platform.problems.roll_back(at.actor, problem_id, server_round)
        _tell_answer(at, problem_id, command_id)


@app.command(cls=PlainCommand)
def scale(
    ctx: typer.Context,
    problem_id: ProblemIdArgument,
    selectors: Annotated[int, typer.Argument(metavar="N", min=1, help="How many selectors.")],
) -> None:
    """Change how many selectors run; clients of one that goes move to the others.

    \b
    Example:
      fedota problems scale 3f2a90c1d4e5 4
    """
    with desk(ctx) as at:
        at.platform.problems.scale(at.actor, problem_id, selectors)
        at.say(f"{selectors} selectors are to run.")


@app.command(cls=PlainCommand)
def archive(ctx: typer.Context, problem_id: ProblemIdArgument) -> None:
    """Take a problem out of the catalogue and stop its servers; its models can still be had.

    \b
    Example:
      fedota problems archive 3f2a90c1d4e5
    """
    with desk(ctx) as at:
        at.platform.problems.archive(at.actor, problem_id)
        at.say("It is archived.")


@app.command(cls=PlainCommand)
def logs(
    ctx: typer.Context,
    problem_id: ProblemIdArgument,
    server: Annotated[
        str, typer.Argument(metavar="SERVER", help="coordinator, selector-1, selector-2 …")
    ] = "coordinator",
    lines: Annotated[int, typer.Option(metavar="N", min=1, help="How many lines.")] = 50,
) -> None:
    """Show the end of the log of one of a problem's servers.

    \b
    Examples:
      fedota problems logs 3f2a90c1d4e5
      fedota problems logs 3f2a90c1d4e5 selector-2 --lines 200
    """
    with desk(ctx) as at:
        typer.echo(at.platform.problems.logs(at.actor, problem_id, server, lines).rstrip("\n"))


def _tell_answer(at: Desk, problem_id: str, command_id: str) -> None:
    """Wait a little for the coordinator's answer, and tell it."""
    ends_at = time.monotonic() + _ANSWER_WAIT_S
    while True:
        command = at.platform.problems.command(at.actor, problem_id, command_id)
        if command.answered or time.monotonic() >= ends_at:
            break
        time.sleep(_LOOK_S)
    if not command.answered:
        at.say(
            "Its coordinator has not answered yet: it does as soon as `fedota up` serves it. "
            f"`fedota problems show {problem_id}` tells."
        )
    elif command.done:
        at.say(command.message or "Done.")
    else:
        raise CommandRefusedError(command.message or "The coordinator refused it.")


def _standing(view: ProblemView) -> str:
    rounds = f", round {view.completed_round} of {view.rounds} completed" if view.rounds else ""
    reason = f": {view.status_reason}" if view.status_reason else ""
    failure = f" (failure {view.failure_id}, see the log)" if view.failure_id else ""
    members = f", {view.members} members" if view.members != 1 else ", 1 member"
    return f"{view.status}{reason}{failure}{rounds}{members}"
