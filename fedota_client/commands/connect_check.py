"""``fedota-client connect-check``: can the platform be reached from here?"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer
from rich.console import Console

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    home_of,
)
from fedota_client.config_file import client_settings
from fedota_client.image_problem import read_image_problem
from fedota_client.invite_source import find_invite
from fedota_client.plain_errors import plain_errors
from fedota_client.reach.probe import probe
from fedota_client.reach.proxy import Proxies
from fedota_client.reach.report import ReachReport
from fedota_client.reach.table import show
from fedota_proto.invite import Invite
from fedota_proto.release import release

EXIT_CODES = (
    "Exit codes: 0 a client can take part from here; 1 it cannot, or another error, told in one "
    "sentence; 2 the command line is wrong; 130 stopped by Ctrl-C."
)
_WIDTH = 200  # of a table that goes to a file


def connect_check(
    invite: InviteArgument = None,
    home: HomeOption = None,
    timeout: Annotated[
        float,
        typer.Option("--timeout", min=0.1, max=120, help="Seconds that each step may take."),
    ] = 10.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try the whole path to the platform, and write the list for a firewall request.

    For every address of the invite: through which proxy, the name, the connection, TLS, and whether
    a server of this problem answers. Nothing is enrolled, no key is made and no data is read.

    \b
    Examples:
      fedota-client connect-check north.invite
      https_proxy=http://USER:PASSWORD@proxy:3128 fedota-client connect-check north.invite
      fedota-client connect-check --json < north.invite -
    """
    with plain_errors():
        settings = client_settings(config)
        membership = find_invite(
            invite,
            home_of(home, settings),
            settings.home,
            read_stdin=sys.stdin.read,
            prompt=(lambda: str(typer.prompt("Invite"))) if sys.stdin.isatty() else None,
        )
        made_for = read_image_problem(settings.problem)
        if made_for is not None:
            membership = made_for.completed(membership)
        report = _tried(membership, timeout)
        if as_json:
            typer.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
        else:
            console = Console()
            show(report, console if console.is_terminal else Console(width=_WIDTH))
        raise typer.Exit(0 if report.works else 1)


def _tried(invite: Invite, timeout_s: float) -> ReachReport:
    progress = Console(stderr=True)
    trying = probe(invite, Proxies.of_process(), timeout_s=timeout_s, release=release())
    if not progress.is_terminal:
        return asyncio.run(trying)
    with progress.status("Trying every address of the invite."):
        return asyncio.run(trying)
