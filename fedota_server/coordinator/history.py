"""The history of rounds: append-only rows, one JSON object to a line, fsynced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fedota_proto.errors import FolderError
from fedota_server.coordinator.history_rows import (
    ABANDONED,
    COUNTED,
    LATE,
    REJECTED,
    EvaluationRow,
    RollBackRow,
    RoundRow,
    Row,
    Settled,
    UpdateEntry,
    row_document,
    row_from_document,
)
from fedota_server.coordinator.journal import Journal
from fedota_server.coordinator.round_key import RoundKey

__all__ = [
    "ABANDONED",
    "COUNTED",
    "LATE",
    "REJECTED",
    "EvaluationRow",
    "History",
    "RollBackRow",
    "RoundRow",
    "Row",
    "Settled",
    "UpdateEntry",
]


class History:
    """Rows of rounds, evaluations and roll-backs, in the order in which they happened.

    Rows are appended and never rewritten; a row that a crash left half written is cut off.

    Parameters
    ----------
    path
        The file; made where it is not there.

    Raises
    ------
    FolderError
        If a line is damaged, or the file cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._rows: list[Row] = []
        self._attempts: dict[tuple[int, int], int] = {}
        self._rounds: dict[RoundKey, RoundRow] = {}
        self._evaluations: dict[RoundKey, EvaluationRow] = {}
        self._roll_backs: list[RollBackRow] = []
        self._entries: dict[int, dict[int, Settled]] = {}
        self._journal = Journal(path)
        for number, document in enumerate(self._journal.rows, start=1):
            try:
                self._take(row_from_document(document))
            except ValueError as error:
                self._journal.close()
                raise FolderError(
                    f"Line {number} of the history {path.name} is damaged: restore the file "
                    "from a backup, or take that line out.",
                    detail=repr(error),
                ) from error
        self._journal.rows.clear()

    def append(self, row: Row) -> None:
        """Write a row; when this returns, it survives a crash.

        Parameters
        ----------
        row
            Kept as it is.

        Raises
        ------
        FolderError
            If it cannot be written, as when the disk is full.
        """
        self._journal.append([row_document(row)])
        self._journal.sync()
        self._take(row)

    def ensure(self, row: RoundRow) -> bool:
        """Append a completed round's row unless it is there.

        A round is completed when its checkpoint is in place, and the checkpoint holds the row:
        after a crash between the two, this brings the history up to it.

        Parameters
        ----------
        row
            As in the newest checkpoint.

        Returns
        -------
        bool
            Whether it was missing.

        Raises
        ------
        FolderError
            If it cannot be written.
        """
        if row.key in self._rounds:
            return False
        self.append(row)
        return True

    def ensure_roll_back(self, row: RollBackRow) -> bool:
        """Append a roll-back's row unless it is there, as `ensure` does for a round's.

        Parameters
        ----------
        row
            Of the newest checkpoint's generation.

        Returns
        -------
        bool
            Whether it was missing.

        Raises
        ------
        FolderError
            If it cannot be written.
        """
        if any(row.generation == old.generation for old in self._roll_backs):
            return False
        self.append(row)
        return True

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row, oldest first."""
        return tuple(self._rows)

    def rounds(self) -> Iterator[tuple[RoundRow, bool]]:
        """Iterate over the rounds, oldest first, each with whether a roll-back superseded it."""
        for row in self._rows:
            if isinstance(row, RoundRow):
                yield row, self.superseded(row.generation, row.server_round)

    def evaluation_of(self, row: RoundRow) -> EvaluationRow | None:
        """Find the evaluation of the model that a round made.

        Parameters
        ----------
        row
            Of a completed round.

        Returns
        -------
        EvaluationRow or None
            The newest, None if it was not evaluated.
        """
        return self._evaluations.get(row.key)

    def superseded(self, generation: int, server_round: int) -> bool:
        """Say whether a roll-back left a round behind.

        Parameters
        ----------
        generation, server_round
            The round.

        Returns
        -------
        bool
            True where a later generation began at an earlier round.
        """
        return any(
            row.generation > generation and row.to_round < server_round for row in self._roll_backs
        )

    def next_attempt(self, generation: int, server_round: int) -> int:
        """Number the next attempt at a round.

        Parameters
        ----------
        generation, server_round
            The round.

        Returns
        -------
        int
            1 where there was none.
        """
        return self._attempts.get((generation, server_round), 0) + 1

    def outcome_of(self, node_id: int, task_id: int) -> Settled | None:
        """Find what became of an update.

        Parameters
        ----------
        node_id, task_id
            Whose it was, and for which task.

        Returns
        -------
        tuple of row and UpdateEntry, or None
            None where no row answers for it.
        """
        return self._entries.get(node_id, {}).get(task_id)

    def outcomes_of(self, node_id: int) -> list[Settled]:
        """List what became of every update of one client, oldest first.

        Parameters
        ----------
        node_id
            The client.

        Returns
        -------
        list of tuple of row and UpdateEntry
            Empty where it never reported.
        """
        return list(self._entries.get(node_id, {}).values())

    def close(self) -> None:
        """Close the file; the rows stay readable."""
        self._journal.close()

    def _take(self, row: Row) -> None:
        self._rows.append(row)
        if isinstance(row, RollBackRow):
            self._roll_backs.append(row)
            return
        if isinstance(row, RoundRow):
            self._rounds[row.key] = row
            named = row.generation, row.server_round
            self._attempts[named] = max(row.attempt, self._attempts.get(named, 0))
        else:
            self._evaluations[row.key] = row
        for entry in row.entries:
            self._entries.setdefault(entry.node_id, {})[entry.task_id] = row, entry
