"""``fedota-client service``: files that keep a client joined."""

from __future__ import annotations

import enum
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    data_of,
    membership_of,
)
from fedota_client.config_file import client_settings
from fedota_client.plain_errors import plain_errors
from fedota_client.service_files import ServiceFacts, compose_file, systemd_unit
from fedota_proto.errors import UsageError


class ServiceKind(enum.StrEnum):
    """What is to keep the client joined."""

    SYSTEMD = "systemd"
    COMPOSE = "compose"


def service(
    kind: Annotated[ServiceKind, typer.Argument(metavar="systemd|compose", help="Which file.")],
    invite: InviteArgument = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Folder with your data.", show_default=False),
    ] = None,
    home: HomeOption = None,
    image: Annotated[
        str, typer.Option("--image", metavar="NAME", help="For compose: the client's image.")
    ] = "fedota/client:latest",
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            metavar="OPTION",
            help="One more argument of join, as --option=--hours=22:00-06:00; repeatable.",
            show_default=False,
        ),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write a systemd unit or a compose file that stays joined; the first lines say how to use it.

    \b
    Examples:
      fedota-client service systemd --data /srv/tables > ~/.config/systemd/user/fedota.service
      fedota-client service systemd --data /srv/tables --option=--hours=22:00-06:00
      fedota-client service compose north.invite --data /srv/tables > compose.yaml
    """
    with plain_errors():
        settings = client_settings(config)
        if settings.container and kind is ServiceKind.SYSTEMD:
            raise UsageError(
                "The host's systemd cannot start what is in this container: let `service compose` "
                "write a compose file."
            )
        folder = data_of(data, settings)
        if folder is None:
            raise UsageError("Name the folder with your data: --data DIR.")
        client_home, membership = membership_of(invite, home, settings)
        facts = ServiceFacts(
            title=membership.title,
            problem_id=membership.problem_id,
            program=_program(),
            # What they are called on the host is not known in a container: as in the shown command.
            data=Path("./data") if settings.container else folder.absolute(),
            home=Path("./fedota") if settings.container else client_home.folder.absolute(),
            image=image,
            user=f"{os.getuid()}:{os.getgid()}",
            more=tuple(more or ()),
        )
        text = systemd_unit(facts) if kind is ServiceKind.SYSTEMD else compose_file(facts)
        typer.echo(json.dumps({"name": facts.name, "text": text}) if as_json else text, nl=as_json)


def _program() -> tuple[str, ...]:
    """Return the words that start this very client."""
    beside = Path(sys.executable).with_name("fedota-client")
    return (str(beside),) if beside.exists() else (sys.executable, "-m", "fedota_client")
