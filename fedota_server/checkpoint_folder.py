"""A folder of checkpoints as anybody may read it, also beside a coordinator that writes there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Literal

from fedota_server.checkpoint_index import CheckpointIndex, CheckpointKey
from fedota_server.tensor_file import TEMPORARY_SUFFIX, read_metadata

KEEP_BYTES = 2 << 30

Part = Literal["arrays", "state"]

_FILE = re.compile(r"g(\d{4,})-r(\d{6,})\.(arrays|state)\.safetensors(\.damaged)?")


class CheckpointFolder:
    """The files of a folder of checkpoints, looked at once; nothing there is changed.

    Parameters
    ----------
    folder
        The ``checkpoints`` folder of a coordinator.
    keep_bytes
        For the index: size of the arrays' files beyond which only every tenth round's are kept.

    Attributes
    ----------
    index
        Which checkpoints there are.
    generation
        The newest generation, damaged ones included; 0 where nothing was saved yet.
    temporary
        Files that a crash left half written.
    stray_states
        Rounds whose strategy state is there without their arrays.

    Raises
    ------
    OSError
        It cannot be read.
    """

    def __init__(self, folder: Path, keep_bytes: int = KEEP_BYTES) -> None:
        self.folder = folder
        self.index = CheckpointIndex(keep_bytes)
        self.generation = 0
        self.temporary: list[Path] = []
        sizes: dict[CheckpointKey, int] = {}
        states: set[CheckpointKey] = set()
        for path in sorted(folder.iterdir()):
            if path.name.endswith(TEMPORARY_SUFFIX):
                self.temporary.append(path)
            if not (match := _FILE.fullmatch(path.name)):
                continue
            key = CheckpointKey(int(match[1]), int(match[2]))
            self.generation = max(self.generation, key.generation)
            if match[4]:
                continue
            if match[3] == "state":
                states.add(key)
            elif (size := _size_bytes(path)) is not None:
                sizes[key] = size
        bases: dict[int, int] = {}
        for key in sorted(sizes, reverse=True):
            if key.generation not in bases:
                bases = {**self._read_bases(key), **bases}
        for key in sorted(sizes):
            self.index.add(key, sizes[key], bases, state=key in states)
        self.stray_states = states - set(sizes)

    def path(self, key: CheckpointKey, part: Part) -> Path:
        """Return where a round's arrays or its strategy state are, or would be."""
        return self.folder / f"g{key.generation:04d}-r{key.server_round:06d}.{part}.safetensors"

    def _read_bases(self, key: CheckpointKey) -> dict[int, int]:
        try:
            return bases_in(read_metadata(self.path(key, "arrays")))
        except (OSError, ValueError, KeyError, AttributeError):
            return {}


def bases_in(metadata: dict[str, str]) -> dict[int, int]:
    """Read from a checkpoint's metadata the server round that each generation began with.

    Raises
    ------
    ValueError, KeyError, AttributeError
        They are damaged.
    """
    bases = json.loads(metadata["bases"])
    return {int(generation): int(base) for generation, base in bases.items()}


def _size_bytes(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None  # a coordinator that runs has just removed it
