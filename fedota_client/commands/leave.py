"""``fedota-client leave``: end a membership, and wipe its folder if wanted."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Annotated

import typer

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    membership_of,
)
from fedota_client.commands.reaching import dialer_of
from fedota_client.config_file import client_settings
from fedota_client.home import ClientHome
from fedota_client.leaving import end_membership, wipe
from fedota_client.log_file import logging_to
from fedota_client.plain_errors import plain_errors
from fedota_client.progress import PlainDisplay
from fedota_client.receipts.book import ReceiptBook
from fedota_client.settings import ClientSettings
from fedota_proto.errors import InviteError, UsageError
from fedota_proto.invite import Invite


def leave(
    invite: InviteArgument = None,
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Leave without being asked.")] = False,
    wiped: Annotated[
        bool,
        typer.Option(
            "--wipe", help="Then delete everything in the client's folder but the receipts."
        ),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """End a membership for good; joining again takes a new invite.

    The setter is told. What was counted stays in the shared model, unless the setter rolls back to
    a round before yours.

    \b
    Examples:
      fedota-client leave north.invite
      fedota-client leave --home /srv/fedota-client --wipe
    """
    with plain_errors():
        settings = client_settings(config)
        client_home, membership = membership_of(invite, home, settings)
        if not yes:
            _ask(membership, client_home, wiped=wiped)
        refused = ""
        with client_home.locked():
            with logging_to(settings.log_file or client_home.log_file):
                try:
                    asyncio.run(_leave(membership, client_home, settings, quiet=as_json))
                except InviteError as error:
                    if not wiped:
                        raise
                    # Who was removed before has nothing to end, and may still wipe.
                    refused = error.public_message
            left = wipe(client_home) if wiped else None
        if as_json:
            told = not refused
            document = {"told": told, "reason": refused, "wiped": wiped, "left": left}
            typer.echo(json.dumps(document, ensure_ascii=False))
            return
        typer.echo(refused or f"The membership in “{membership.title}” has ended.")
        if left is not None:
            typer.echo(f"Of {client_home.folder} is left: {', '.join(left) or 'nothing'}.")


def _ask(membership: Invite, home: ClientHome, *, wiped: bool) -> None:
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask on: repeat the command with --yes.")
    question = f"End the membership in “{membership.title}” for good?"
    if wiped:
        question = (
            f"End the membership in “{membership.title}” for good, and delete everything in "
            f"{home.folder} but the receipts?"
        )
    if not typer.confirm(question):
        raise typer.Exit(1)


async def _leave(
    invite: Invite, home: ClientHome, settings: ClientSettings, *, quiet: bool
) -> None:
    display = PlainDisplay((lambda line: None) if quiet else typer.echo)
    dialer = dialer_of(invite, home, settings, display, with_webserver=True)
    book = ReceiptBook(home.folder, home.key(), invite)
    try:
        await end_membership(dialer, book)
    finally:
        book.close()
