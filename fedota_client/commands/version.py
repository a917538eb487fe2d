"""``fedota-client version``."""

from __future__ import annotations

import json

import typer

from fedota_client.commands.options import JsonOption
from fedota_proto.credential import PROTOCOL
from fedota_proto.release import release


def version(as_json: JsonOption = False) -> None:
    """Show the release and the protocol that it speaks.

    \b
    Example:
      fedota-client version --json
    """
    if as_json:
        typer.echo(json.dumps({"release": release(), "protocol": PROTOCOL}))
    else:
        typer.echo(f"fedota-client {release()} (protocol {PROTOCOL})")
