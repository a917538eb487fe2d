"""Checkpoints: the global arrays and the strategy's own state after each completed round."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from fedota_proto.errors import CheckpointError
from fedota_proto.npy import npy_view
from fedota_proto.records import Arrays
from fedota_server.checkpoint_folder import KEEP_BYTES, CheckpointFolder, Part, bases_in
from fedota_server.checkpoint_index import CheckpointKey
from fedota_server.coordinator.history_rows import RoundRow, row_document, row_from_document
from fedota_server.strategies.state import StrategyState
from fedota_server.tensor_file import fsync_folder, read_tensors, write_tensors

logger = logging.getLogger(__name__)

__all__ = ["KEEP_BYTES", "Checkpoint", "CheckpointKey", "CheckpointStore"]


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
    beside, fsynced and renamed. `CheckpointIndex` has the rule of which are kept.

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
        self._lock = threading.Lock()
        try:
            if not read_only:
                folder.mkdir(parents=True, exist_ok=True)
            self._files = CheckpointFolder(folder, keep_bytes)
            if not read_only:
                self._tidy()
        except OSError as error:
            raise CheckpointError(
                f"The checkpoints in {folder.name} cannot be opened: {error.strerror}."
            ) from error
        self._index = self._files.index
        self._generation = self._files.generation

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
        if state is None or self._read_only or key.generation < self._index.generation:
            raise CheckpointError(
                f"Round {key.server_round} of generation {key.generation} cannot be saved: "
                f"the newest generation is {self._index.generation}."
            )
        with self._lock:
            bases = {key.generation: key.server_round, **self._index.bases}
            metadata = {
                "bases": json.dumps(bases),
                "created_unix_s": repr(checkpoint.created_unix_s),
                "metrics": json.dumps(checkpoint.metrics),
                "row": json.dumps(row_document(checkpoint.row) if checkpoint.row else None),
            }
            outline = {"outline": state.outline()}
            path = self._path(key, "arrays")
            try:
                write_tensors(self._path(key, "state"), state.tensors(), outline)
                write_tensors(path, checkpoint.arrays, metadata)
                fsync_folder(self._folder)
                self._index.add(key, path.stat().st_size, bases, state=True)
            except OSError as error:
                raise CheckpointError(
                    f"The checkpoint of round {key.server_round} cannot be written: {error}. Free "
                    "some disk space, then resume the problem.",
                    detail=repr(error),
                ) from error
            self._generation = max(self._generation, key.generation)
            arrays, states = self._index.prune()
            for old in arrays:
                self._path(old, "arrays").unlink(missing_ok=True)
            for old in states:
                self._path(old, "state").unlink(missing_ok=True)

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
        if not self._index and not points:
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
        if key not in self._index:
            rounds = ", ".join(str(k.server_round) for k in kept[-20:]) or "none"
            raise CheckpointError(
                f"Round {server_round} has no checkpoint; the newest that are kept: {rounds}."
            )
        return self._load(key, with_state=self._index.has_state(key))

    def kept(self) -> tuple[CheckpointKey, ...]:
        """List the rounds whose arrays are kept and which no roll-back superseded, oldest first."""
        with self._lock:
            return self._index.line()

    def rollback_points(self) -> tuple[CheckpointKey, ...]:
        """List the rounds that can be rolled back to, oldest first: their state is kept."""
        with self._lock:
            return self._index.rollback_points()

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
                base_round=bases_in(metadata)[key.generation],
            )
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise CheckpointError(
                f"The checkpoint of round {key.server_round} is damaged: {error}.",
                detail=repr(error),
            ) from error

    def _load_state(self, key: CheckpointKey) -> StrategyState:
        tensors, metadata = read_tensors(self._path(key, "state"))
        views = {name: npy_view(array) for name, array in tensors.items()}
        return StrategyState.from_tensors(metadata["outline"], views)

    def _set_aside(self, key: CheckpointKey) -> None:
        with self._lock:
            for path in (self._path(key, "arrays"), self._path(key, "state")):
                if path.exists():
                    path.rename(path.with_name(path.name + ".damaged"))
            self._index.set_aside(key)
            fsync_folder(self._folder)

    def _tidy(self) -> None:
        """Remove what a crash left."""
        for path in self._files.temporary:
            path.unlink()
        for key in self._files.stray_states:
            self._path(key, "state").unlink()

    def _path(self, key: CheckpointKey, part: Part) -> Path:
        return self._files.path(key, part)
