"""`fedota export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.errors import CheckpointError, UsageError
from fedota_server.commands.context import ProblemArgument, context_of, folder_at
from fedota_server.problem_folder import ProblemFolder


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


def export_model(folder: ProblemFolder, out: Path, server_round: int | None = None) -> int:
    """Write a completed round's model.

    Parameters
    ----------
    folder
        The problem's.
    out
        Where to.
    server_round
        Which round; None: the newest.

    Returns
    -------
    int
        The round.

    Raises
    ------
    CheckpointError
        There is none, or it is damaged.
    ModelFileError, FolderError
        The model file does not fit, or `out` cannot be written.
    """
    # What reads checkpoints brings Flower with it, which takes a second: not for `--help`.
    from fedota_proto.model_file import write_weights
    from fedota_proto.npy import npy_view
    from fedota_server.coordinator.checkpoints import CheckpointStore

    place = folder.coordinator_folder / "checkpoints"
    store = CheckpointStore(place, read_only=True) if place.is_dir() else None
    kept = store.kept() if store else ()
    if not store or not kept:
        raise CheckpointError(
            f"{folder.folder} has no completed round yet: serve it until it has one."
        )
    checkpoint = store.load(kept[-1].server_round if server_round is None else server_round)
    arrays = {name: npy_view(array) for name, array in checkpoint.arrays.items()}
    write_weights(folder.model_path(), arrays, out)
    return checkpoint.server_round
