"""What several commands have in common: their options, and the membership that they are about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.home import ClientHome
from fedota_client.invite_source import find_home
from fedota_client.settings import ClientSettings
from fedota_proto.invite import Invite

InviteArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[INVITE]",
        help="The invite's text, a file that holds it, or - for standard input; left out: the "
        "stored one, else it is asked for.",
        show_default=False,
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The client's own folder: key, kept updates, outcomes, log. Default: one for each "
        "membership under ~/.fedota-client.",
        show_default=False,
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A policy that holds beside /etc/fedota/policy.toml; it can only forbid more.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings as a TOML file; flags and FEDOTA_CLIENT_* variables go before it. Default: "
        "~/.fedota-client/config.toml, if it is there.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]


def membership_of(
    invite: str | None, home: Path | None, settings: ClientSettings
) -> tuple[ClientHome, Invite]:
    """Find the membership that a command is about, and its folder.

    Raises
    ------
    FedotaError
        As `fedota_client.invite_source.find_home`.
    """
    terminal = sys.stdin.isatty()
    return find_home(
        invite,
        home.expanduser() if home is not None else None,
        settings.home,
        read_stdin=sys.stdin.read,
        prompt=(lambda: str(typer.prompt("Invite"))) if terminal else None,
    )
