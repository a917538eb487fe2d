"""Which checkpoints there are, which of them count, and which are to go; opens no file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

KEEP_STATES = 3
KEEP_EVERY = 10


class CheckpointKey(NamedTuple):
    """What names a checkpoint; keys are ordered as the rounds happened."""

    generation: int
    server_round: int


class CheckpointIndex:
    """The rule of what is kept.

    Kept are the arrays of all rounds up to a size, then those of every tenth; and the strategy
    state of the last three rounds and of every kept tenth, the only ones that can be rolled back
    to. Rounds that a roll-back superseded stay under the same rule, without their state.

    Parameters
    ----------
    keep_bytes
        Size of the arrays' files beyond which only every tenth round's are kept.
    """

    def __init__(self, keep_bytes: int) -> None:
        self._keep_bytes = keep_bytes
        self._sizes: dict[CheckpointKey, int] = {}
        self._states: set[CheckpointKey] = set()
        self._bases: dict[int, int] = {}

    def __contains__(self, key: CheckpointKey) -> bool:
        """Say whether a round's arrays are there."""
        return key in self._sizes

    def __len__(self) -> int:
        """Count the checkpoints."""
        return len(self._sizes)

    @property
    def generation(self) -> int:
        """The newest generation that was not set aside whole, else 0."""
        return max(self._bases, default=0)

    @property
    def bases(self) -> dict[int, int]:
        """The server round that each generation began with, of those gone by as well."""
        return dict(self._bases)

    def add(
        self, key: CheckpointKey, size_bytes: int, bases: Mapping[int, int], *, state: bool
    ) -> None:
        """Take a checkpoint in, or one that replaces it.

        Parameters
        ----------
        key
            The round.
        size_bytes
            Of its arrays' file.
        bases
            As `bases` was when it was written. A generation that they lack begins with it.
        state
            Whether its strategy state is there.
        """
        self._sizes[key] = size_bytes
        self._bases.update(bases)
        self._bases.setdefault(key.generation, key.server_round)
        if state:
            self._states.add(key)
        else:
            self._states.discard(key)

    def set_aside(self, key: CheckpointKey) -> None:
        """Take out a damaged checkpoint, and its generation where nothing else is left of it.

        Parameters
        ----------
        key
            One that is there.
        """
        del self._sizes[key]
        self._states.discard(key)
        if all(other.generation != key.generation for other in self._sizes):
            del self._bases[key.generation]

    def line(self) -> tuple[CheckpointKey, ...]:
        """Follow the newest generation back through those that it began from.

        Returns
        -------
        tuple of CheckpointKey
            The rounds that no roll-back superseded, oldest first.
        """
        line: list[CheckpointKey] = []
        below: float = float("inf")
        for generation in sorted(self._bases, reverse=True):
            line += [
                k for k in self._sizes if k.generation == generation and k.server_round < below
            ]
            below = min(below, self._bases[generation])
        return tuple(sorted(line, key=lambda key: key.server_round))

    def rollback_points(self) -> tuple[CheckpointKey, ...]:
        """List the rounds of the line whose strategy state is there, oldest first."""
        return tuple(key for key in self.line() if key in self._states)

    def has_state(self, key: CheckpointKey) -> bool:
        """Say whether a round's strategy state is there."""
        return key in self._states

    def prune(self) -> tuple[set[CheckpointKey], set[CheckpointKey]]:
        """Drop what the rule no longer keeps.

        Returns
        -------
        tuple of two sets of CheckpointKey
            Whose arrays are to go, and whose state.
        """
        line = self.line()
        last = set(line[-KEEP_STATES:])
        arrays: set[CheckpointKey] = set()
        size_bytes = sum(self._sizes.values())
        for key in sorted(self._sizes):
            if size_bytes <= self._keep_bytes:
                break
            if key not in last and not _is_tenth(key):
                size_bytes -= self._sizes[key]
                arrays.add(key)
        states = self._states - last - {key for key in line if _is_tenth(key)}
        for key in arrays:
            del self._sizes[key]
        self._states -= states
        return arrays, states


def _is_tenth(key: CheckpointKey) -> bool:
    return key.server_round % KEEP_EVERY == 0
