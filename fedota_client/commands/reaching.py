"""How commands reach the platform and show what happens."""

from __future__ import annotations

import sys

from rich.console import Console

from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.json_display import JsonDisplay
from fedota_client.participation import make_member
from fedota_client.progress import Display, PlainDisplay, RichDisplay
from fedota_client.settings import ClientSettings
from fedota_proto.invite import Invite
from fedota_proto.release import release


def dialer_of(
    invite: Invite,
    home: ClientHome,
    settings: ClientSettings,
    display: Display,
    *,
    with_webserver: bool,
) -> Dialer:
    """Make the dialer of a membership.

    Raises
    ------
    FolderError
        The client's key cannot be read or made.
    """
    member = make_member(invite, home)
    return Dialer(
        invite, member, settings, display, release=release(), with_webserver=with_webserver
    )


def plain_display(*, json_lines: bool = False) -> Display:
    """Return what shows lines that stay: as they are, or as JSON."""
    return JsonDisplay(write_line) if json_lines else PlainDisplay(write_line)


def display_of(title: str, *, json_lines: bool = False) -> Display:
    """Return the live display on a terminal, plain lines elsewhere, JSON lines where wanted."""
    if json_lines:
        return JsonDisplay(write_line)
    console = Console()
    return RichDisplay(console, title) if console.is_terminal else PlainDisplay(write_line)


def write_line(line: str) -> None:
    """Write a line as `typer.echo` does, at a tenth of its cost: rounds may take milliseconds."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
