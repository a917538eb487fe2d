"""What goes wrong, as one sentence and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import typer

from fedota_proto.errors import FedotaError


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what goes wrong into one sentence on standard error and an exit code."""
    try:
        yield
    except FedotaError as error:
        typer.echo(error.public_message, err=True)
        raise typer.Exit(error.exit_code) from None
    except (KeyboardInterrupt, click.Abort):
        typer.echo("Stopped by Ctrl-C.", err=True)
        raise typer.Exit(130) from None
