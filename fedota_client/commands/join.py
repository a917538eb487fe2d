"""``fedota-client join``: take part in a problem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.commands.limit_options import (
    BatteryPercentOption,
    DaysOption,
    DownloadMaxOption,
    HoursOption,
    LogFileOption,
    MemoryMaxOption,
    OnMainsOption,
    PauseFileOption,
    ThreadsOption,
    UploadMaxOption,
)
from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    PolicyOption,
    check_there,
    data_of,
    membership_of,
    out_of,
)
from fedota_client.commands.personalize import OutOption
from fedota_client.commands.reaching import display_of, plain_display
from fedota_client.config_file import client_settings
from fedota_client.join_flow import JoinFlow
from fedota_client.limits.schedule import Schedule
from fedota_client.log_file import logging_to
from fedota_client.participation import JoinOptions, parse_node_config
from fedota_client.personal.flow import PersonalOptions
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
            help="Folder with your data, or one file of it. It stays there.",
            show_default=False,
        ),
    ] = None,
    app_dir: Annotated[
        Path | None,
        typer.Option(
            "--app",
            metavar="DIR",
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
    hours: HoursOption = None,
    days: DaysOption = None,
    on_mains: OnMainsOption = None,
    battery_percent: BatteryPercentOption = None,
    pause_file: PauseFileOption = None,
    threads: ThreadsOption = None,
    memory_max: MemoryMaxOption = None,
    upload_max: UploadMaxOption = None,
    download_max: DownloadMaxOption = None,
    log_file: LogFileOption = None,
    personal: Annotated[
        bool,
        typer.Option(
            "--personalize", help="At the end tune the shared model on your data, and report."
        ),
    ] = False,
    out: OutOption = None,
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
      fedota-client join --data /srv/tables --personalize --out mine
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
        Schedule.parse(settings.hours, settings.days)  # a mistake is told before any other work
        if app_dir is None:
            data = data_of(data, settings)
        else:
            check_there(app_dir, "The app's folder", "name it with --app")
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
        wanted = _personal(out_of(out, "personal", home, settings), data) if personal else None
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
                personal=wanted,
            )
            code = flow.run(yes=yes)
        raise typer.Exit(code)


def _personal(out: Path, data: Path | None) -> PersonalOptions:
    if data is None:
        raise UsageError("--personalize is for --data alone: an app has no model to tune.")
    return PersonalOptions(data=data, out=out)


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
