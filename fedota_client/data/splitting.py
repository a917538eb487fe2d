"""Examples put aside as they are read: those to train on, and those held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fedota_client.data.spool import ArraySpool, Scratch, TextSpool
from fedota_client.examples import Examples, Field
from fedota_client.holdout import below, content_hashes, holdout_mask


@dataclass(frozen=True, slots=True)
class Split:
    """A holder's examples on both sides.

    Parameters
    ----------
    train
        Those to train on.
    held_out
        Those never trained on.
    """

    train: Examples
    held_out: Examples

    def __len__(self) -> int:
        """Count the examples of both sides."""
        return len(self.train) + len(self.held_out)


def split(examples: Examples, fraction: float) -> Split:
    """Split examples that are all there by `holdout_mask`."""
    mask = holdout_mask(examples, fraction)
    return Split(examples.take(~mask), examples.take(mask))


class Collector:
    """Takes examples piece by piece and keeps them: in memory, and beyond a bound on disk."""

    def __init__(self, scratch: Scratch) -> None:
        self._scratch = scratch
        self._spools: list[ArraySpool | TextSpool] = []
        self._like: Examples | None = None

    def add(self, examples: Examples) -> None:
        """Take a piece.

        Raises
        ------
        FolderError
            There is no room for it.
        """
        if self._like is None:
            self._like = examples.take(np.empty(0, np.int64))
            self._spools = [self._spool(field) for field in examples.fields]
        for spool, field in zip(self._spools, examples.fields, strict=True):
            spool.append(np.asarray(field.values[:]))

    def finish(self) -> Examples | None:
        """Return all that came, None if nothing did."""
        if self._like is None:
            return None
        fields = [
            Field(field.names, spool.finish())
            for field, spool in zip(self._like.fields, self._spools, strict=True)
        ]
        count = len(self._like.inputs)
        return Examples(tuple(fields[:count]), tuple(fields[count:]))

    def _spool(self, field: Field) -> ArraySpool | TextSpool:
        if field.values.dtype == object:
            return TextSpool(self._scratch)
        return ArraySpool(field.values.shape[1:], field.values.dtype, self._scratch)


class Splitter:
    """Takes examples piece by piece and keeps both sides apart.

    What it returns is what `holdout_mask` chooses from all examples at once.

    Parameters
    ----------
    fraction
        Share to be held out, in [0, 1).
    scratch
        Where both sides are kept.
    """

    def __init__(self, fraction: float, scratch: Scratch) -> None:
        self._fraction = fraction
        self._train = Collector(scratch)
        self._held_out = Collector(scratch)
        self._counts = [0, 0]

    def __len__(self) -> int:
        """Count the examples of both sides."""
        return sum(self._counts)

    def add(self, examples: Examples) -> None:
        """Take a piece.

        Raises
        ------
        FolderError
            There is no room for it.
        """
        held_out = below(content_hashes(examples), self._fraction)
        if self._fraction <= 0:
            held_out[:] = False
        count = int(held_out.sum())
        self._counts[0] += len(held_out) - count
        self._counts[1] += count
        if count < len(held_out):
            self._train.add(examples.take(~held_out) if count else examples)
        if count:
            self._held_out.add(examples.take(held_out))

    def finish(self) -> Split | None:
        """Return both sides, None if nothing came."""
        train, held_out = self._train.finish(), self._held_out.finish()
        if train is not None and held_out is not None:
            return Split(train, held_out)
        one_side = train if train is not None else held_out
        return None if one_side is None else split(one_side, self._fraction)
