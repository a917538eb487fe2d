"""A completed round's model as a .keras file, from the checkpoints: no server needs to run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fedota_proto.errors import CheckpointError, FolderError
from fedota_proto.model_file import write_weights
from fedota_proto.npy import npy_view
from fedota_server.checkpoint_folder import CheckpointFolder
from fedota_server.checkpoint_index import CheckpointKey
from fedota_server.problem_folder import ProblemFolder
from fedota_server.tensor_file import read_tensors

_SHOWN = 20


def open_checkpoints(folder: ProblemFolder) -> CheckpointFolder | None:
    """Look at a problem's checkpoints; None where no training has begun.

    Raises
    ------
    CheckpointError
        They cannot be read.
    """
    try:
        return CheckpointFolder(folder.coordinator_folder / "checkpoints")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointError(
            f"The checkpoints of {folder.folder.name} cannot be read: {error.strerror}."
        ) from error


def find_checkpoint(
    checkpoints: CheckpointFolder | None, server_round: int | None = None
) -> CheckpointKey:
    """Find the checkpoint of a round that no roll-back superseded.

    Parameters
    ----------
    checkpoints
        The problem's.
    server_round
        Which round; None: the newest.

    Raises
    ------
    CheckpointError
        It is not there.
    """
    kept: Sequence[CheckpointKey] = checkpoints.index.line() if checkpoints else ()
    if not kept:
        raise CheckpointError("This problem has no completed round yet: serve it until it has one.")
    if server_round is None:
        return kept[-1]
    found = next((key for key in kept if key.server_round == server_round), None)
    if found is None:
        rounds = ", ".join(str(key.server_round) for key in kept[-_SHOWN:])
        raise CheckpointError(
            f"Round {server_round} has no checkpoint; the newest that are kept: {rounds}."
        )
    return found


def export_model(folder: ProblemFolder, out: Path, server_round: int | None = None) -> int:
    """Write a completed round's model.

    Parameters
    ----------
    folder
        The problem's.
    out
        Where to; written beside and renamed.
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
    checkpoints = open_checkpoints(folder)
    key = find_checkpoint(checkpoints, server_round)
    if checkpoints is None:
        raise CheckpointError(f"{folder.folder.name} has no checkpoints.")
    try:
        arrays, _ = read_tensors(checkpoints.path(key, "arrays"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"The checkpoint of round {key.server_round} is damaged: {error}.", detail=repr(error)
        ) from error
    views = {name: npy_view(array) for name, array in arrays.items()}
    try:
        write_weights(folder.model_path(), views, out)
    except OSError as error:
        raise FolderError(
            f"{out} cannot be written ({error.strerror}): check its folder and free space."
        ) from error
    return key.server_round
