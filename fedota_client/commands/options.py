"""What several commands have in common: their options, and the membership that they are about."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.container import check_data, check_home, check_out
from fedota_client.home import ClientHome
from fedota_client.image_problem import read_image_problem
from fedota_client.invite_source import find_home
from fedota_client.settings import ClientSettings
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite

InviteArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[INVITE]",
        help="The invite's text, a file that holds it, or - for standard input; left out: the "
        "stored one, else it is asked for.",
        show_default=False,
    ),
]
HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The client's own folder: key, kept updates, outcomes, log. Default: one for each "
        "membership under ~/.fedota-client.",
        show_default=False,
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help="A policy that holds beside /etc/fedota/policy.toml; it can only forbid more.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="Settings as a TOML file; flags and FEDOTA_CLIENT_* variables go before it. Default: "
        "~/.fedota-client/config.toml, if it is there.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON, for scripts.")]


def membership_of(
    invite: str | None, home: Path | None, settings: ClientSettings
) -> tuple[ClientHome, Invite]:
    """Find the membership that a command is about, and its folder.

    Raises
    ------
    FedotaError
        As `fedota_client.invite_source.find_home`; in the image of one problem also where the
        membership is another's.
    """
    made_for = read_image_problem(settings.problem)
    terminal = sys.stdin.isatty()
    folder = home_of(home, settings)
    if settings.container:
        check_home(folder or settings.home.expanduser())
    return find_home(
        invite,
        folder,
        settings.home,
        read_stdin=sys.stdin.read,
        prompt=(lambda: str(typer.prompt("Invite"))) if terminal else None,
        accept=(lambda one: one) if made_for is None else made_for.completed,
    )


def home_of(home: Path | None, settings: ClientSettings) -> Path | None:
    """Return the membership's folder that was named, by ``--home`` or else by a setting."""
    named = home or settings.folder
    return named.expanduser() if named is not None else None


def data_of(data: Path | None, settings: ClientSettings) -> Path | None:
    """Return the data folder that was named, by ``--data`` or else by a setting.

    Raises
    ------
    FolderError
        It is not there, or in a container not mounted as it should be.
    """
    named = data or settings.data
    if named is None:
        return None
    named = named.expanduser()
    if settings.container:
        check_data(named)
    check_there(named, "The data folder", "name yours with --data")
    return named


def check_there(path: Path, what: str, remedy: str) -> None:
    """Refuse a file or folder that is not there, in one sentence.

    Raises
    ------
    FolderError
        It is not there, or cannot be reached.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise FolderError(f"{what} {path} does not exist: {remedy}.") from None
    except OSError as error:
        raise FolderError(f"{what} {path} cannot be reached ({error.strerror}).") from error


def out_of(out: Path | None, name: str, home: Path | None, settings: ClientSettings) -> Path:
    """Return the place for results that was named by ``--out``, or else the default.

    In a container that is the client's own folder, which alone is sure to outlive it.

    Parameters
    ----------
    name
        Of the default, beside where the command is run.
    home
        ``--home``.

    Raises
    ------
    FolderError
        It would be gone with the container.
    """
    if out is None:
        own = home_of(home, settings) if settings.container else None
        return Path(name) if own is None else own / name
    out = out.expanduser()
    if settings.container:
        check_out(out)
    return out
