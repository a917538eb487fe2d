"""Checkpoints as a coordinator leaves them, without one."""

from __future__ import annotations

import json

from fedota_proto.model_file import read_weights
from fedota_server.checkpoint_folder import CheckpointFolder
from fedota_server.checkpoint_index import CheckpointKey
from fedota_server.problem_folder import ProblemFolder
from fedota_server.tensor_file import write_tensors


def save_checkpoint(
    folder: ProblemFolder,
    server_round: int,
    *,
    generation: int = 0,
    base: int = 0,
    state: bool = False,
    shift: float = 0.0,
) -> None:
    """Write a round's arrays: the model's own, `shift` added to each number.

    Parameters
    ----------
    base
        The server round that the generation began with.
    state
        Whether the strategy's state is kept too.
    """
    place = folder.coordinator_folder / "checkpoints"
    place.mkdir(parents=True, exist_ok=True)
    files = CheckpointFolder(place)
    key = CheckpointKey(generation, server_round)
    arrays = {
        name: (array + shift).astype(array.dtype)
        for name, array in read_weights(folder.model_path()).items()
    }
    metadata = {"bases": json.dumps({**files.index.bases, generation: base})}
    write_tensors(files.path(key, "arrays"), arrays, metadata)
    if state:
        write_tensors(files.path(key, "state"), {}, {})
