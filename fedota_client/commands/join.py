"""``fedota-client join``: take part in a problem."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.commands.options import HomeOption, InviteArgument, membership_of
from fedota_client.commands.reaching import dialer_of, display_of
from fedota_client.consent import app_terms, ask
from fedota_client.home import ClientHome
from fedota_client.log_file import logging_to
from fedota_client.participation import JoinOptions, parse_node_config, take_part
from fedota_client.plain_errors import plain_errors
from fedota_client.progress import PlainDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.run_config import ConfigValue, parse_run_config
from fedota_proto.settings_check import load_settings
from fedota_proto.v1 import fl_round_pb2 as pb

EXIT_CODES = (
    "Exit codes: 0 the problem is finished or the wanted rounds are counted; 1 an error, told in "
    "one sentence; 2 the command line is wrong, or consent could not be asked for; "
    "130 stopped by Ctrl-C; 143 stopped by SIGTERM."
)


def join(
    invite: InviteArgument = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Folder with your tables (CSV). They stay there.",
            show_default=False,
        ),
    ] = None,
    app_dir: Annotated[
        Path | None,
        typer.Option(
            "--app",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Folder of a Flower app that you have installed, instead of --data.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    rounds: Annotated[
        int, typer.Option("--rounds", min=0, help="Stop after so many counted rounds; 0: stay.")
    ] = 0,
    yes: Annotated[
        bool, typer.Option("--yes", help="Agree without being asked, as scripts do.")
    ] = False,
    no_evaluation: Annotated[
        bool, typer.Option("--no-evaluation", help="Take no part in evaluation.")
    ] = False,
    node_config: Annotated[
        str,
        typer.Option(
            "--node-config",
            metavar="KEY=VALUE…",
            help="For --app: what the app finds in context.node_config, as "
            '"partition-id=0 num-partitions=2".',
        ),
    ] = "",
    run_config: Annotated[
        str,
        typer.Option(
            "--run-config",
            metavar="KEY=VALUE…",
            help="For --app: what the app finds in context.run_config in place of its own, as the "
            "one who runs it says.",
        ),
    ] = "",
    connect_timeout: Annotated[
        float | None,
        typer.Option(
            "--connect-timeout",
            min=0.1,
            help="Seconds after which to give up if no selector was ever reached. Default: 60.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Take part in a problem: train its model on your data, send the updates, keep the outcomes.

    Before anything runs it says what will run here, what leaves, where to and for how many rounds,
    and asks. Ctrl-C stops at once; the membership stays, and the same command goes on.

    \b
    Examples:
      fedota-client join north.invite --data /srv/tables
      fedota-client join --data /srv/tables --rounds 5
      fedota-client join - --data /srv/tables --yes < north.invite
      fedota-client join node-1.invite --app my-flower-app
    """
    with plain_errors():
        if (data is None) == (app_dir is None):
            raise UsageError("Pass either --data DIR with your tables, or --app DIR of an app.")
        settings = load_settings(ClientSettings)
        if connect_timeout is not None:
            settings = settings.model_copy(update={"connect_timeout_s": connect_timeout})
        options = JoinOptions(
            data=data,
            app=app_dir,
            rounds_wanted=rounds,
            evaluates=not no_evaluation,
            node_config=_node_config(node_config, app_dir),
            run_config=_run_config(run_config, app_dir),
        )
        client_home, membership = membership_of(invite, home, settings)
        with client_home.locked(), logging_to(client_home.log_file):
            code = _join(membership, client_home, settings, options, yes=yes)
        raise typer.Exit(code)


def _join(
    invite: Invite,
    home: ClientHome,
    settings: ClientSettings,
    options: JoinOptions,
    *,
    yes: bool,
) -> int:
    plain = PlainDisplay(typer.echo)
    if options.app is not None:
        terms = app_terms(invite, str(options.app), rounds_wanted=options.rounds_wanted)
    else:
        from fedota_client.joining import COMPLETED, agreed_terms, fetch_problem

        async def describe() -> pb.DescribeReply:
            dialer = dialer_of(invite, home, settings, plain, with_webserver=True)
            return await fetch_problem(dialer, home, settings, plain)

        description = asyncio.run(describe())
        if description.state == COMPLETED:
            typer.echo(f"“{invite.title}” is completed: there is nothing left to train.")
            return 0
        terms = agreed_terms(
            invite,
            home,
            data=(options.data or Path()).resolve(),
            rounds_wanted=options.rounds_wanted,
            evaluates=options.evaluates,
        )
    agreed = ask(
        terms,
        home,
        yes=yes,
        terminal=sys.stdin.isatty(),
        write=typer.echo,
        confirm=typer.confirm,
    )
    if not agreed:
        typer.echo("You did not agree: nothing has run and nothing has left this machine.")
        return 1
    with display_of(invite.title) as display:
        return asyncio.run(take_part(invite, home, settings, display, options))


def _run_config(text: str, app_dir: Path | None) -> dict[str, ConfigValue]:
    if text and app_dir is None:
        raise UsageError("--run-config is for --app alone.")
    return parse_run_config(text)


def _node_config(text: str, app_dir: Path | None) -> dict[str, bool | int | float | str]:
    if text and app_dir is None:
        raise UsageError("--node-config is for --app alone.")
    try:
        return parse_node_config(text)
    except ValueError as error:
        raise UsageError(
            f"--node-config: “{error}” is not KEY=VALUE; as in "
            '--node-config "partition-id=0 num-partitions=2".'
        ) from None
