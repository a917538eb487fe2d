"""Values that stand in a table twice, found within bounded memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from fedota_client.data.blocks import NUMBERS, column_codes, column_numbers, text_column
from fedota_client.data.column_rules import FALSE, TRUE
from fedota_client.data.findings import PLACES_KEPT
from fedota_client.data.spool import ArraySpool, Scratch
from fedota_proto.data_format import Column

MEMORY_BYTES = 64 << 20
_PARTITIONS = 64
_MISSING = np.uint64(0)
_PAIR = np.dtype([("hash", "<u8"), ("row", "<i8")])


@dataclass(frozen=True, slots=True)
class Repeated:
    """What stands there twice.

    Parameters
    ----------
    count
        Rows beyond the first of each value.
    rows
        The first of these rows.
    earlier
        For each, the row where its value stands first.
    """

    count: int
    rows: tuple[int, ...] = ()
    earlier: tuple[int, ...] = ()


class Repeats:
    """Finds every value that comes twice, by 64-bit hashes, on disk beyond a bound.

    Parameters
    ----------
    scratch
        Where hashes go; None: memory up to a bound, then the system's temporary folder.
    """

    def __init__(self, scratch: Scratch | None = None) -> None:
        scratch = scratch or Scratch(memory_bytes=MEMORY_BYTES)
        self._parts = [ArraySpool((), _PAIR, scratch) for _ in range(_PARTITIONS)]

    def add(self, hashes: np.ndarray, rows: np.ndarray) -> None:
        """Take more values.

        Parameters
        ----------
        hashes
            uint64 ``(rows,)``; 0 is no value.
        rows
            Their numbers, int64.

        Raises
        ------
        FolderError
            There is no room for them.
        """
        present = hashes != _MISSING
        pairs = np.empty(int(present.sum()), _PAIR)
        pairs["hash"], pairs["row"] = hashes[present], rows[present]
        part = pairs["hash"] >> np.uint64(58)
        order = np.argsort(part, kind="stable")
        ends = np.searchsorted(part[order], np.arange(_PARTITIONS + 1))
        for number, spool in enumerate(self._parts):
            piece = pairs[order[ends[number] : ends[number + 1]]]
            if len(piece):
                spool.append(piece)

    def found(self) -> Repeated:
        """Return what came twice; nothing can be added after."""
        count, rows, earlier = 0, [], []
        for spool in self._parts:
            pairs = np.asarray(spool.finish()[:])
            pairs = pairs[np.lexsort((pairs["row"], pairs["hash"]))]
            again = np.flatnonzero(pairs["hash"][1:] == pairs["hash"][:-1]) + 1
            count += len(again)
            starts = np.searchsorted(pairs["hash"], pairs["hash"][again])
            rows.append(pairs["row"][again])
            earlier.append(pairs["row"][starts])
        first = np.argsort(np.concatenate(rows), kind="stable")[:PLACES_KEPT]
        return Repeated(
            count,
            tuple(int(row) for row in np.concatenate(rows)[first]),
            tuple(int(row) for row in np.concatenate(earlier)[first]),
        )


class SampledRepeats:
    """Estimates how many values come twice: exact for few, by a share of all hashes for many.

    Equal values have equal hashes, so the same share of values and of their repetitions is kept.
    """

    _MOST = 1 << 21

    def __init__(self) -> None:
        self._hashes: list[np.ndarray] = []
        self._rows: list[np.ndarray] = []
        self._kept = 0
        self._halvings = 0

    def add(self, hashes: np.ndarray, rows: np.ndarray) -> None:
        """Take more values; as in `Repeats`."""
        kept = hashes & self._dropped == 0
        self._hashes.append(hashes[kept])
        self._rows.append(rows[kept])
        self._kept += len(self._hashes[-1])
        while self._kept > self._MOST:
            self._halvings += 1
            kept_parts = [one & self._dropped == 0 for one in self._hashes]
            self._rows = [r[k] for r, k in zip(self._rows, kept_parts, strict=True)]
            self._hashes = [h[k] for h, k in zip(self._hashes, kept_parts, strict=True)]
            self._kept = sum(map(len, self._hashes))

    @property
    def exact(self) -> bool:
        """Whether nothing was left out."""
        return self._halvings == 0

    def found(self) -> Repeated:
        """Return what came twice, its count scaled up to all values."""
        if not self._hashes:
            return Repeated(0)
        repeats = Repeats(Scratch(memory_bytes=1 << 40))
        repeats.add(np.concatenate(self._hashes), np.concatenate(self._rows))
        found = repeats.found()
        return Repeated(found.count << self._halvings, found.rows, found.earlier)

    @property
    def _dropped(self) -> np.uint64:
        return np.uint64((1 << self._halvings) - 1)


def value_hashes(table: pa.Table, column: Column) -> np.ndarray:
    """Hash a column's values, uint64 ``(rows,)``; a missing one is 0."""
    if column.type in NUMBERS:
        values = column_numbers(table, column) + 0.0
        return np.where(np.isnan(values), _MISSING, _hashed(values))
    if column.type == "text":
        texts = text_column(table, column).to_numpy()
        return np.where(pd.isna(texts), _MISSING, _hashed(texts.astype(object)))
    distinct, indices = column_codes(table, column)
    if column.type == "boolean":
        distinct = ["true" if text in TRUE else text for text in distinct]
        distinct = ["false" if text in FALSE else text for text in distinct]
    hashes = _hashed(np.array(distinct, dtype=object)) if distinct else np.empty(0, np.uint64)
    return np.asarray(np.append(hashes, _MISSING)[indices], np.uint64)


def row_hashes(table: pa.Table, columns: tuple[Column, ...]) -> np.ndarray:
    """Hash whole rows, uint64 ``(rows,)``; never 0."""
    found = np.full(table.num_rows, 0x9E3779B97F4A7C15, np.uint64)
    for column in columns:
        found = (found ^ value_hashes(table, column)) * np.uint64(0xFF51AFD7ED558CCD)
        found ^= found >> np.uint64(32)
    return np.maximum(found, np.uint64(1))


def _hashed(values: np.ndarray) -> np.ndarray:
    return np.asarray(pd.util.hash_array(values, categorize=False))
