"""`fedota init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.errors import UsageError
from fedota_server.commands.context import context_of


def init(
    ctx: typer.Context,
    ca_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your own CA certificate (PEM), to use it.")
    ] = None,
    ca_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Its ECDSA private key (PEM).")
    ] = None,
) -> None:
    """Make the platform's folder: the CA that every certificate hangs on.

    Running it again changes nothing.

    \b
    Examples:
      fedota init
      fedota --home /srv/fedota init
      fedota init --ca-cert ca.pem --ca-key ca.key
    """
    if (ca_cert is None) != (ca_key is None):
        raise UsageError("Pass both --ca-cert and --ca-key, or neither.")
    context = context_of(ctx)
    made = context.home.init(ca_cert, ca_key)
    place = context.home.folder
    if made:
        context.say(f"{place} holds your platform's CA now; keep a backup of it.")
    else:
        context.say(f"{place} holds a CA already; nothing was changed.")
