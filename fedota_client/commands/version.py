"""``fedota-client version``."""

from __future__ import annotations

import typer

from fedota_proto.credential import PROTOCOL
from fedota_proto.release import release


def version() -> None:
    """Show the release and the protocol that it speaks."""
    typer.echo(f"fedota-client {release()} (protocol {PROTOCOL})")
