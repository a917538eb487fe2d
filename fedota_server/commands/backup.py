"""`fedota backup` and `fedota restore`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fedota_proto.units import size_words
from fedota_server.commands.administering import (
    JsonOption,
    webserver_settings,
    whoever,
    write_json,
)
from fedota_server.commands.context import context_of

if TYPE_CHECKING:
    from fedota_server.webserver.backup_archive import BackupHead

FileArgument = Annotated[Path, typer.Argument(metavar="FILE.tar.gz", help="The backup.")]


def backup(ctx: typer.Context, file: FileArgument, as_json: JsonOption = False) -> None:
    """Save the whole platform in one file, while it runs: database, keys, problems, checkpoints.

    Keep the file as safe as the platform's folder: whoever has it has every key.

    \b
    Example:
      fedota backup fedota-monday.tar.gz
    """
    from fedota_server.webserver.backup import Backup
    from fedota_server.webserver.database import Database

    context, settings = context_of(ctx), webserver_settings(ctx)
    with (
        closing(Database(settings.database_address)) as database,
        context.step(f"saving {settings.home}"),
    ):
        head = Backup(database, settings.home).write(whoever(), file)
    if as_json:
        write_json(head)
        return
    size = size_words(file.stat().st_size)
    context.say(f"{file} ({size}) holds {_words(head)}. Keep it safe: it holds every key.")


def restore(ctx: typer.Context, file: FileArgument, as_json: JsonOption = False) -> None:
    """Put a backup into an empty folder and an empty database, whole or not at all.

    It may be another machine, and another kind of database, than the backup was made on.

    \b
    Examples:
      fedota --home /srv/fedota restore fedota-monday.tar.gz
      FEDOTA_DATABASE_URL=postgresql:///fedota fedota restore fedota-monday.tar.gz
    """
    from fedota_server.webserver.database import Database
    from fedota_server.webserver.restore import Restore

    context, settings = context_of(ctx), webserver_settings(ctx)
    with (
        closing(Database(settings.database_address)) as database,
        context.step(f"restoring {settings.home}"),
    ):
        head = Restore(database, settings.home).put_back(whoever(), file)
    if as_json:
        write_json(head)
        return
    context.say(f"{settings.home} holds {_words(head)} again: start it with `fedota up`.")


def _words(head: BackupHead) -> str:
    problems, users = head.tables.get("problem", 0), head.tables.get("user_account", 0)
    return (
        f"{problems} {'problem' if problems == 1 else 'problems'} and "
        f"{users} {'account' if users == 1 else 'accounts'}"
    )
