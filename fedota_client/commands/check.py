"""``fedota-client check``: does the data keep the problem's format?"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    data_of,
    home_of,
    membership_of,
)
from fedota_client.commands.reaching import dialer_of
from fedota_client.config_file import client_settings
from fedota_client.connection import SelectorLink
from fedota_client.home import ClientHome, stored_invite
from fedota_client.image_problem import read_image_problem
from fedota_client.log_file import logging_to
from fedota_client.plain_errors import plain_errors
from fedota_client.progress import PlainDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.data_format import FormatFile, read_format_file
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.problem import parse_problem
from fedota_proto.v1 import fl_round_pb2 as pb

if TYPE_CHECKING:
    from fedota_client.check.checking import OnBytes
    from fedota_client.check.result import CheckResult

EXIT_CODES = (
    "Exit codes: 0 the data keeps the format (there may be things to look at); 1 it does not, or "
    "another error, told in one sentence; 2 the command line is wrong; 130 stopped by Ctrl-C."
)


def check(
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
    format_file: Annotated[
        Path | None,
        typer.Option(
            "--format",
            metavar="FILE",
            help="Check against a downloaded format.toml, without any connection.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report",
            metavar="FILE",
            help="Also write the result as an HTML page, with a picture of every column.",
            show_default=False,
        ),
    ] = None,
    tell_ready: Annotated[
        bool,
        typer.Option(
            "--tell-ready",
            help="If the data keeps the format, tell the setter the one word “ready”, without "
            "being asked.",
        ),
    ] = False,
    home: HomeOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say whether your data keeps a problem's format: what does not, where, and how to mend it.

    Everything is looked at on this machine and nothing leaves it. With an invite you are asked in
    the end whether the setter may learn the one word “ready”.

    \b
    Examples:
      fedota-client check north.invite --data /srv/tables
      fedota-client check --data /srv/tables --format format.toml
      fedota-client check north.invite --data /srv/tables --report check.html --tell-ready
    """
    with plain_errors():
        settings = client_settings(config)
        data = data_of(data, settings)
        if data is None:
            raise UsageError("Pass --data DIR with your data.")
        if format_file is None and invite is None and not tell_ready:
            format_file = _format_of_image(home, settings)
        if format_file is not None:
            if invite is not None or tell_ready:
                raise UsageError(
                    "--format checks without a connection: pass either it or an INVITE; "
                    "--tell-ready takes an INVITE."
                )
            result = _checked(data, read_format_file(format_file), report, as_json=as_json)
        else:
            client_home, membership = membership_of(invite, home, settings)
            found = asyncio.run(_format_of(membership, client_home, settings))
            result = _checked(data, found, report, as_json=as_json)
            if result.kept and (tell_ready or (not as_json and _agrees(membership))):
                with client_home.locked(), logging_to(client_home.log_file):
                    asyncio.run(_tell(membership, client_home, settings))
                if not as_json:
                    typer.echo("The setter was told that your data is ready.")
        raise typer.Exit(0 if result.kept else 1)


def _format_of_image(home: Path | None, settings: ClientSettings) -> Path | None:
    """Find the format in the image of one problem, unless a membership is known to ask with."""
    made_for = read_image_problem(settings.problem)
    folder = home_of(home, settings)
    if made_for is None or (folder is not None and stored_invite(folder) is not None):
        return None
    return made_for.format_file


def _checked(data: Path, wanted: FormatFile, report: Path | None, *, as_json: bool) -> CheckResult:
    from fedota_client.check.running import check_data

    with _progress() as on_bytes:
        result = check_data(data.expanduser(), wanted.data, on_bytes)
    if report is not None:
        from fedota_client.check.page import write_page

        write_page(report.expanduser(), result, wanted.title)
    if as_json:
        document = {"title": wanted.title, **result.as_json()}
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return result
    from fedota_client.check.terminal import lines_of

    for line in lines_of(result, wanted.title):
        typer.echo(line)
    if report is not None:
        typer.echo(f"\nThe report is in {report}.")
    return result


async def _format_of(invite: Invite, home: ClientHome, settings: ClientSettings) -> FormatFile:
    """Ask what the problem's format is; that binds nothing and tells nothing."""

    async def describe(link: SelectorLink) -> pb.DescribeReply:
        return await link.describe()

    display = PlainDisplay(_to_stderr)
    dialer = dialer_of(invite, home, settings, display, with_webserver=True)
    description = await dialer.once(describe)
    problem = parse_problem(description.problem_toml)
    return FormatFile(problem.title or invite.title, problem.data)


async def _tell(invite: Invite, home: ClientHome, settings: ClientSettings) -> None:
    async def ready(link: SelectorLink) -> None:
        await link.tell(pb.TellRequest.READY)

    display = PlainDisplay(_to_stderr)
    # Before the problem is started the webserver takes the word, which does not enrol: the invite
    # stays in use.
    await dialer_of(invite, home, settings, display, with_webserver=True).once(ready)


def _agrees(invite: Invite) -> bool:
    if not sys.stdin.isatty():
        return False
    return typer.confirm(
        f"\nMay the setter of “{invite.title}” learn that your data is ready? Nothing else is sent."
    )


@contextmanager
def _progress() -> Iterator[OnBytes]:
    """Draw a bar on a terminal's standard error, where a check takes its time."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("Checking"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("check", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _to_stderr(line: str) -> None:
    typer.echo(line, err=True)
