"""``fedota-client leave``: end a membership."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from fedota_client.commands.options import HomeOption, InviteArgument, membership_of
from fedota_client.commands.reaching import dialer_of
from fedota_client.connection import SelectorLink
from fedota_client.home import ClientHome
from fedota_client.log_file import logging_to
from fedota_client.plain_errors import plain_errors
from fedota_client.progress import PlainDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.errors import UsageError
from fedota_proto.invite import Invite
from fedota_proto.settings_check import load_settings
from fedota_proto.v1 import fl_round_pb2 as pb


def leave(
    invite: InviteArgument = None,
    home: HomeOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Leave without being asked.")] = False,
) -> None:
    """End a membership for good; joining again takes a new invite.

    \b
    Examples:
      fedota-client leave north.invite
      fedota-client leave --home /srv/fedota-client
    """
    with plain_errors():
        settings = load_settings(ClientSettings)
        client_home, membership = membership_of(invite, home, settings)
        if not yes:
            if not sys.stdin.isatty():
                raise UsageError("There is no terminal to ask on: repeat the command with --yes.")
            question = f"End the membership in “{membership.title}” for good?"
            if not typer.confirm(question):
                raise typer.Exit(1)
        with client_home.locked(), logging_to(client_home.log_file):
            asyncio.run(_leave(membership, client_home, settings))
        typer.echo(f"The membership in “{membership.title}” has ended.")


async def _leave(invite: Invite, home: ClientHome, settings: ClientSettings) -> None:
    dialer = dialer_of(invite, home, settings, PlainDisplay(typer.echo), with_webserver=True)

    async def tell(link: SelectorLink) -> None:
        await link.tell(pb.TellRequest.LEAVING)

    await dialer.once(tell)
