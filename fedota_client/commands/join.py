"""``fedota-client join``: take part in a problem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    PolicyOption,
    data_of,
    membership_of,
)
from fedota_client.commands.reaching import display_of, plain_display
from fedota_client.config_file import client_settings
from fedota_client.join_flow import JoinFlow
from fedota_client.log_file import logging_to
from fedota_client.participation import JoinOptions, parse_node_config
from fedota_client.plain_errors import plain_errors
from fedota_client.policy.rules import PolicyRules
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import UsageError
from fedota_proto.run_config import ConfigValue, parse_run_config

EXIT_CODES = (
    "Exit codes: 0 the problem is finished or the wanted rounds are counted; 1 an error, told in "
    "one sentence; 2 the command line is wrong, or consent could not be asked for; 3 a policy "
    "forbids it; 130 stopped by Ctrl-C; 143 stopped by SIGTERM."
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
            help="Folder with your data. It stays there.",
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
    share_metrics: Annotated[
        ShareMetrics | None,
        typer.Option(
            "--share-metrics",
            help="How exactly the number of examples and the metrics are told; default: exact. "
            "coarse: to two digits and two decimals. none: no evaluation, and in training only "
            "the number of examples, to two digits.",
            show_default=False,
        ),
    ] = None,
    policy: PolicyOption = None,
    hours: Annotated[
        str | None,
        typer.Option(
            "--hours",
            metavar="HH:MM-HH:MM",
            help="Work only then, as 22:00-06:00; several with commas.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(
            "--days", metavar="DAYS", help="Work only on these, as mon-fri.", show_default=False
        ),
    ] = None,
    on_mains: Annotated[
        bool | None,
        typer.Option("--on-mains", help="Work on mains alone, never on battery."),
    ] = None,
    battery_percent: Annotated[
        float | None,
        typer.Option(
            "--battery-percent",
            min=0,
            max=100,
            help="Least charge to work with on battery.",
            show_default=False,
        ),
    ] = None,
    pause_file: Annotated[
        Path | None,
        typer.Option(
            "--pause-file",
            metavar="FILE",
            help="No work while this file exists; default: `pause` in the client's folder.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=0, help="Processor threads; 0: all.", show_default=False),
    ] = None,
    memory_max: Annotated[
        str | None,
        typer.Option(
            "--memory-max",
            metavar="SIZE",
            help="Most memory of the training process, as 4GB.",
            show_default=False,
        ),
    ] = None,
    upload_max: Annotated[
        str | None,
        typer.Option(
            "--upload-max",
            metavar="SIZE",
            help="Most bytes a second that leave, as 1MB.",
            show_default=False,
        ),
    ] = None,
    download_max: Annotated[
        str | None,
        typer.Option(
            "--download-max",
            metavar="SIZE",
            help="Most bytes a second that come, as 1MB.",
            show_default=False,
        ),
    ] = None,
    log_file: Annotated[
        Path | None,
        typer.Option(
            "--log-file",
            metavar="FILE",
            help="Where to log; default: client.log in the client's folder.",
            show_default=False,
        ),
    ] = None,
    json_lines: Annotated[
        bool, typer.Option("--json", help="Write one JSON object a line, for scripts.")
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
    config: ConfigOption = None,
) -> None:
    """Take part in a problem: train its model on your data, send the updates, keep the receipts.

    Before anything runs it says what will run here, what leaves, where to and for how many rounds,
    and asks. Ctrl-C stops at once; the membership stays, and the same command goes on.

    \b
    Examples:
      fedota-client join north.invite --data /srv/tables
      fedota-client join --data /srv/tables --rounds 5
      fedota-client join - --data /srv/tables --yes < north.invite
      fedota-client join --data /srv/tables --hours 22:00-06:00 --days mon-fri --threads 2
      fedota-client join --data /srv/tables --share-metrics coarse --policy clinic.toml
      fedota-client join node-1.invite --app my-flower-app
    """
    with plain_errors():
        settings = client_settings(
            config,
            share_metrics=share_metrics,
            policy=policy,
            hours=hours,
            days=days,
            on_mains=on_mains or None,
            battery_percent=battery_percent,
            pause_file=pause_file,
            threads=threads,
            memory_max=memory_max,
            upload_max=upload_max,
            download_max=download_max,
            log_file=log_file,
            connect_timeout_s=connect_timeout,
        )
        if app_dir is None:
            data = data_of(data, settings)
        if (data is None) == (app_dir is None):
            raise UsageError("Pass either --data DIR with your data, or --app DIR of an app.")
        options = JoinOptions(
            data=data,
            app=app_dir,
            rounds_wanted=rounds,
            evaluates=not no_evaluation,
            share=settings.share_metrics,
            policies=PolicyRules.load(settings.policy),
            node_config=_node_config(node_config, app_dir),
            run_config=_run_config(run_config, app_dir),
        )
        client_home, membership = membership_of(invite, home, settings)
        log = settings.log_file or client_home.log_file
        with client_home.locked(), logging_to(log):
            flow = JoinFlow(
                membership,
                client_home,
                settings,
                options,
                plain=plain_display(json_lines=json_lines),
                display=lambda: display_of(membership.title, json_lines=json_lines),
                confirm=typer.confirm if sys.stdin.isatty() else None,
            )
            code = flow.run(yes=yes)
        raise typer.Exit(code)


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
