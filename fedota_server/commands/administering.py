"""What the administration's commands begin with: the platform, and who sits at its machine."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import os
import pwd
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from fedota_proto.errors import NotFoundError
from fedota_proto.settings_check import load_settings
from fedota_server.commands.context import CommandContext, context_of

if TYPE_CHECKING:
    from fedota_server.webserver.permissions import Actor
    from fedota_server.webserver.platform import Platform
    from fedota_server.webserver.settings import WebserverSettings

JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]


@dataclass(frozen=True)
class Desk:
    """A platform and who administers it.

    Parameters
    ----------
    context
        Of the command.
    platform
        Opened, its database of this release.
    actor
        Whoever runs the command: an administrator, since the platform's folder is theirs.
    """

    context: CommandContext
    platform: Platform
    actor: Actor

    def say(self, text: str) -> None:
        """Write one line for people."""
        self.context.say(text)


def webserver_settings(ctx: typer.Context) -> WebserverSettings:
    """Read the webserver's settings, as `fedota up` would.

    Raises
    ------
    UsageError
        A FEDOTA_* variable is unknown or wrong.
    """
    from fedota_server.webserver.settings import WebserverSettings

    return load_settings(WebserverSettings, home=context_of(ctx).home.folder)


def whoever() -> Actor:
    """Return who runs the command, as it stands in the audit log."""
    from fedota_server.webserver.permissions import machine_actor

    number = os.geteuid()
    try:
        login = pwd.getpwuid(number).pw_name
    except KeyError:
        login = f"user {number}"
    return machine_actor(login)


@contextmanager
def desk(ctx: typer.Context, *, begin: bool = False) -> Iterator[Desk]:
    """Open the platform, whether or not `fedota up` runs; both work on the same database.

    Parameters
    ----------
    begin
        Whether a platform is made where none is yet.

    Raises
    ------
    NotFoundError
        There is no platform in the folder, or none in the database.
    FolderError
        The database is an older release's, and `fedota up` of that release runs.
    DatabaseError
        The database does not answer, or is a newer release's.
    """
    # These take a second to load, for which no other command should wait.
    from fedota_server.web_process import locked_home
    from fedota_server.webserver.platform import Platform
    from fedota_server.webserver.schema import newest_revision

    settings = webserver_settings(ctx)
    platform = Platform.open(settings)
    file = platform.database.file
    try:
        there = file is None or file.exists()
        revision = platform.database.revision() if there else ""
        if not revision and not begin:
            raise NotFoundError(
                f"There is no platform in {settings.home} yet: start it with `fedota up`, or name "
                "its folder with --home."
            )
        if revision != newest_revision():
            with locked_home(settings.home):
                platform.home.init()
                platform.database.migrate()
        yield Desk(context_of(ctx), platform, whoever())
    finally:
        platform.database.close()


def write_json(value: object) -> None:
    """Write a view, or a list of them, as JSON."""
    typer.echo(json.dumps(_plain(value), indent=1))


def show_table(context: CommandContext, headings: Sequence[str], rows: Sequence[Any]) -> None:
    """Show rows as a table; without any, a line that says so."""
    if not rows:
        context.say("None.")
        return
    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    context.console.print(table, markup=False)


def time_words(unix_s: float | None) -> str:
    """Write a time in this machine's zone; a dash for none."""
    if unix_s is None:
        return "–"
    return dt.datetime.fromtimestamp(unix_s).astimezone().strftime("%Y-%m-%d %H:%M")


def _plain(value: object) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(_plain(one) for one in value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
