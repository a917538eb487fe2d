"""`fedota export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.errors import UsageError
from fedota_server.commands.context import ProblemArgument, context_of, folder_at
from fedota_server.model_export import export_model


def export(
    ctx: typer.Context,
    folder: ProblemArgument,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The .keras file to write.")],
    server_round: Annotated[
        int | None,
        typer.Option("--round", metavar="K", min=0, help="A completed round; else the newest."),
    ] = None,
) -> None:
    """Write a completed round's model as a .keras file that plain Keras loads.

    It reads the checkpoints, so nothing needs to run.

    \b
    Examples:
      fedota export breast-cancer --out trained.keras
      fedota export breast-cancer --round 5 --out round-5.keras
    """
    if out.suffix != ".keras":
        raise UsageError(f"{out} must end in .keras, since Keras looks at that.")
    context = context_of(ctx)
    exported = export_model(folder_at(folder), out, server_round)
    context.say(f"{out} holds the model of round {exported}.")
