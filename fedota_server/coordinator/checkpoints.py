"""Checkpoints: the global arrays and the strategy's own state after each completed round."""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from fedota_proto.errors import CheckpointError
from fedota_proto.npy import npy_view
from fedota_proto.records import Arrays
from fedota_server.coordinator.history_rows import RoundRow, row_document, row_from_document
from fedota_server.coordinator.tensor_file import (
    TEMPORARY_SUFFIX,
    fsync_folder,
    read_metadata,
    read_tensors,
    write_tensors,
)
from fedota_server.strategies.state import StrategyState

logger = logging.getLogger(__name__)

KEEP_BYTES = 2 << 30
KEEP_STATES = 3
KEEP_EVERY = 10

_FILE = re.compile(r"g(\d{4,})-r(\d{6,})\.(arrays|state)\.safetensors(\.damaged)?")


class CheckpointKey(NamedTuple):
    """What names a checkpoint; keys are ordered as the rounds happened."""

    generation: int
    server_round: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The model after a completed round, and all that the next round needs.

    Parameters
    ----------
    generation, server_round
        The round; server round 0 is the model as its setter published it.
    arrays
        In the manifest's order.
    strategy_state
        None where it is no longer kept: such a checkpoint can be exported, not gone on from.
    metrics
        Training metrics of the round.
    row
        The round's row in the history, so that a crash between checkpoint and history loses no
        outcome; None for server round 0.
    created_unix_s
        When.
    base_round
        The server round that its generation began with. Set by the store.
    """

    generation: int
    server_round: int
    arrays: Arrays
    strategy_state: StrategyState | None
    metrics: dict[str, float] = field(default_factory=dict)
    row: RoundRow | None = None
    created_unix_s: float = 0.0
    base_round: int = 0

    @property
    def key(self) -> CheckpointKey:
        """Generation and server round."""
        return CheckpointKey(self.generation, self.server_round)


class CheckpointStore:
    """A folder of checkpoints, each two safetensors files: the arrays, and the strategy's state.

    A checkpoint is there when its arrays' file is: it is written last, and each file is written
    beside, fsynced and renamed. Kept are the arrays of all rounds up to a size, then those of
    every tenth; and the strategy state of the last three rounds and of every kept tenth, the
    only ones that can be rolled back to. Rounds that a roll-back superseded stay under the same
    rule, without their state.

    Methods may be called from several threads; only one saves at a time.

    Parameters
    ----------
    folder
        Made where it is not there. What a crash left half written in it is removed.
    keep_bytes
        Size of the arrays' files beyond which only every tenth round's are kept.
    read_only
        Nothing in the folder is changed, so that it can be read beside a coordinator that runs.

    Raises
    ------
    CheckpointError
        If the folder cannot be used.
    """

    def __init__(
        self, folder: Path, *, keep_bytes: int = KEEP_BYTES, read_only: bool = False
    ) -> None:
        self._folder = folder
        self._read_only = read_only
        self._keep_bytes = keep_bytes
        self._lock = threading.Lock()
        self._sizes: dict[CheckpointKey, int] = {}
        self._states: set[CheckpointKey] = set()
        self._bases: dict[int, int] = {}
        self._generation = 0
        try:
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
            self._scan()
        except OSError as error:
            raise CheckpointError(
                f"The checkpoints in {folder.name} cannot be opened: {error.strerror}."
            ) from error

    @property
    def generation(self) -> int:
        """The newest generation, damaged ones included; 0 where nothing was saved yet."""
        return self._generation

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a checkpoint; when this returns, it survives a crash.

        Parameters
        ----------
        checkpoint
            With strategy state, of the newest generation or of a new one, which begins with it.

        Raises
        ------
        CheckpointError
            If it cannot be written, as when the disk is full; or is of an older generation.
        """
        key, state = checkpoint.key, checkpoint.strategy_state
        newest = max(self._bases, default=0)
        if state is None or self._read_only or key.generation < newest:
            raise CheckpointError(
                f"Round {key.server_round} of generation {key.generation} cannot be saved: "
                f"the newest generation is {newest}."
            )
        base_round = self._bases.get(key.generation, key.server_round)
        metadata = {
            "base_round": str(base_round),
            "created_unix_s": repr(checkpoint.created_unix_s),
            "metrics": json.dumps(checkpoint.metrics),
            "row": json.dumps(row_document(checkpoint.row) if checkpoint.row else None),
        }
        with self._lock:
            try:
                write_tensors(
                    self._path(key, "state"), state.tensors(), {"outline": state.outline()}
                )
                path = self._path(key, "arrays")
                write_tensors(path, checkpoint.arrays, metadata)
                fsync_folder(self._folder)
                self._sizes[key] = path.stat().st_size
            except OSError as error:
                raise CheckpointError(
                    f"The checkpoint of round {key.server_round} cannot be written: {error}. Free "
                    "some disk space, then resume the problem.",
                    detail=repr(error),
                ) from error
            self._states.add(key)
            self._bases[key.generation] = base_round
            self._generation = max(self._generation, key.generation)
            self._prune()

    def latest(self) -> Checkpoint | None:
        """Load the newest checkpoint that a round can start from.

        A damaged one is set aside, loudly, and the one before it is taken.

        Returns
        -------
        Checkpoint or None
            With its strategy state; None where nothing was saved yet.

        Raises
        ------
        CheckpointError
            If there are checkpoints and none can be gone on from.
        """
        points = self.rollback_points()
        for key in reversed(points):
            try:
                return self._load(key, with_state=True)
            except CheckpointError as error:
                logger.error(
                    "CHECKPOINT DAMAGED: round %d of generation %d is set aside, the one before "
                    "it is taken instead (%s)",
                    key.server_round,
                    key.generation,
                    error.detail or error.public_message,
                )
                if not self._read_only:
                    self._set_aside(key)
        if not self._sizes and not points:
            return None
        raise CheckpointError(
            f"None of the checkpoints in {self._folder.name} can be gone on from: restore the "
            "folder from a backup."
        )

    def load(self, server_round: int, generation: int | None = None) -> Checkpoint:
        """Load one round's checkpoint.

        Parameters
        ----------
        server_round
            The round.
        generation
            None: the one whose round was not superseded.

        Returns
        -------
        Checkpoint
            Without strategy state where that is no longer kept.

        Raises
        ------
        CheckpointError
            If it is not there, or damaged.
        """
        kept = self.kept()
        if generation is None:
            generation = next((k.generation for k in kept if k.server_round == server_round), -1)
        key = CheckpointKey(generation, server_round)
        if key not in self._sizes:
            rounds = ", ".join(str(k.server_round) for k in kept[-20:]) or "none"
            raise CheckpointError(
                f"Round {server_round} has no checkpoint; the newest that are kept: {rounds}."
            )
        return self._load(key, with_state=key in self._states)

    def kept(self) -> tuple[CheckpointKey, ...]:
        """List the rounds whose arrays are kept and which no roll-back superseded, oldest first."""
        with self._lock:
            return tuple(self._line())

    def rollback_points(self) -> tuple[CheckpointKey, ...]:
        """List the rounds that can be rolled back to, oldest first: their state is kept."""
        with self._lock:
            return tuple(key for key in self._line() if key in self._states)

    def roll_back(self, server_round: int, *, created_unix_s: float) -> Checkpoint:
        """Open a new generation that goes on from an earlier round.

        Parameters
        ----------
        server_round
            One of `rollback_points`.
        created_unix_s
            Now.

        Returns
        -------
        Checkpoint
            The first of the new generation, saved: the same arrays and state.

        Raises
        ------
        CheckpointError
            If that round cannot be rolled back to, or the checkpoint cannot be written.
        """
        points = self.rollback_points()
        if server_round not in [key.server_round for key in points]:
            rounds = ", ".join(str(key.server_round) for key in points) or "none yet"
            raise CheckpointError(
                f"Round {server_round} cannot be rolled back to; these can: {rounds}."
            )
        opened = replace(
            self.load(server_round),
            generation=self._generation + 1,
            created_unix_s=created_unix_s,
            base_round=server_round,
        )
        self.save(opened)
        return opened

    def _load(self, key: CheckpointKey, *, with_state: bool) -> Checkpoint:
        try:
            arrays, metadata = read_tensors(self._path(key, "arrays"))
            state = self._load_state(key) if with_state else None
            document = json.loads(metadata["row"])
            row = row_from_document(document) if document else None
            return Checkpoint(
                generation=key.generation,
                server_round=key.server_round,
                arrays=arrays,
                strategy_state=state,
                metrics=json.loads(metadata["metrics"]),
                row=row if isinstance(row, RoundRow) else None,
                created_unix_s=float(metadata["created_unix_s"]),
                base_round=int(metadata["base_round"]),
            )
        except (OSError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"The checkpoint of round {key.server_round} is damaged: {error}.",
                detail=repr(error),
            ) from error

    def _load_state(self, key: CheckpointKey) -> StrategyState:
        tensors, metadata = read_tensors(self._path(key, "state"))
        views = {name: npy_view(array) for name, array in tensors.items()}
        return StrategyState.from_tensors(metadata["outline"], views)

    def _line(self) -> list[CheckpointKey]:
        """Follow the newest generation back through those that it began from."""
        line: list[CheckpointKey] = []
        below: int | None = None
        for generation in sorted(self._bases, reverse=True):
            rounds = [r for g, r in self._sizes if g == generation and (below is None or r < below)]
            line += [CheckpointKey(generation, r) for r in rounds]
            base = self._bases[generation]
            below = base if below is None else min(below, base)
        return sorted(line, key=lambda key: key.server_round)

    def _prune(self) -> None:
        line = self._line()
        last = set(line[-KEEP_STATES:])
        size_bytes = sum(self._sizes.values())
        for key in sorted(self._sizes):
            if size_bytes <= self._keep_bytes:
                break
            if key not in last and key.server_round % KEEP_EVERY:
                size_bytes -= self._sizes.pop(key)
                self._path(key, "arrays").unlink(missing_ok=True)
        tenths = {key for key in line if key.server_round % KEEP_EVERY == 0 and key in self._sizes}
        self._remove_states(self._states - last - tenths)

    def _remove_states(self, keys: Iterable[CheckpointKey]) -> None:
        for key in set(keys):
            self._states.discard(key)
            self._path(key, "state").unlink(missing_ok=True)

    def _set_aside(self, key: CheckpointKey) -> None:
        with self._lock:
            for part in ("arrays", "state"):
                path = self._path(key, part)
                if path.exists():
                    path.rename(path.with_name(path.name + ".damaged"))
            self._sizes.pop(key, None)
            self._states.discard(key)
            if all(other.generation != key.generation for other in self._sizes):
                del self._bases[key.generation]
            fsync_folder(self._folder)

    def _scan(self) -> None:
        states: set[CheckpointKey] = set()
        for path in sorted(self._folder.iterdir()):
            if path.name.endswith(TEMPORARY_SUFFIX) and not self._read_only:
                path.unlink()
            if not (match := _FILE.fullmatch(path.name)):
                continue
            key = CheckpointKey(int(match[1]), int(match[2]))
            self._generation = max(self._generation, key.generation)
            if match[4]:
                continue
            if match[3] == "state":
                states.add(key)
            else:
                self._sizes[key] = path.stat().st_size
        self._states = states & set(self._sizes)
        if not self._read_only:
            self._remove_states(states - set(self._sizes))
        for key in sorted(self._sizes):
            if key.generation not in self._bases:
                self._bases[key.generation] = self._base_of(key)

    def _base_of(self, key: CheckpointKey) -> int:
        try:
            return int(read_metadata(self._path(key, "arrays"))["base_round"])
        except (OSError, ValueError, KeyError):
            return key.server_round

    def _path(self, key: CheckpointKey, part: str) -> Path:
        name = f"g{key.generation:04d}-r{key.server_round:06d}.{part}.safetensors"
        return self._folder / name
