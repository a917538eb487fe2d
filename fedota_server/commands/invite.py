"""`fedota invite`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.credential import write_secret
from fedota_proto.invite import Invite
from fedota_proto.tls import selector_name
from fedota_server.authority import Authority
from fedota_server.commands.context import ProblemArgument, context_of, folder_at
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder

DAY_S = 86_400.0
DEFAULT_SELECTORS = 2


def invite(
    ctx: typer.Context,
    folder: ProblemArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call the data holder.")],
    expires_days: Annotated[
        float, typer.Option(min=0.001, max=3650, help="Days within which it must be used.")
    ] = 14.0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write it there instead of showing it.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Enrol one more client under a name that is used.")
    ] = False,
) -> None:
    """Make an invite: one line of text that enrols one client of one data holder, once.

    It works before `fedota serve` too. Whoever holds the line can use it, so send it as you would
    send a password; it is also kept in the problem's folder, in .fedota/invites.

    \b
    Examples:
      fedota invite breast-cancer north --out north.invite
      fedota invite breast-cancer "St. Mary" --expires-days 3 | wl-copy
    """
    context = context_of(ctx)
    problem = folder_at(folder)
    made = make_invite(
        problem,
        context.home.authority(),
        problem.problem().title,
        name,
        valid_s=expires_days * DAY_S,
        again=again,
    )
    if out is None:
        typer.echo(made.text)
    else:
        write_secret(out, made.text.encode() + b"\n")
        context.say(f"{out} enrols {name}, for {expires_days:g} days.")


def make_invite(
    folder: ProblemFolder,
    platform: Authority,
    title: str,
    name: str,
    *,
    valid_s: float,
    again: bool = False,
) -> Invite:
    """Make an invite that names the selectors' addresses; keys and ports are made if need be.

    Parameters
    ----------
    folder
        The problem's.
    platform
        The platform's CA.
    title
        What the holder reads.
    name
        What the setter calls the holder.
    valid_s
        Seconds for which it enrols.
    again
        Whether a used name may be used again.

    Raises
    ------
    FedotaError
        The name is taken or cannot be used, or the folder cannot be written.
    """
    keys = folder.keys(platform)
    kept = Ports.load(folder.ports_path)
    ports = kept or folder.ports(DEFAULT_SELECTORS)
    numbers = range(1, len(ports.selectors) + 1)
    selectors = [(ports.selector_address(n), selector_name(keys.problem_id, n)) for n in numbers]
    return folder.members.invite(
        keys, title=title, name=name, valid_s=valid_s, selectors=selectors, again=again
    )
