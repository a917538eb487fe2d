"""Distributions: what is drawn of each column, counted as the data goes by."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

BINS = 32
# Between these an axis can be cut into bars; beyond, a value is outside of any picture.
_FARTHEST, _NARROWEST = 1e300, 1e-100


@dataclass(frozen=True, slots=True)
class Picture:
    """The distribution of one column, ready to be drawn.

    Parameters
    ----------
    name
        Of the column.
    unit
        For people; may be empty.
    low, high
        Ends of the axis: the declared range where there is one, else what was found.
    declared
        Whether each end was declared.
    found_low, found_high
        Least and greatest value; None if there is none.
    bars
        Counts along the axis.
    labels
        One for each bar, of classes; empty for numbers.
    missing
        How many examples have no value.
    outside
        How many lie beyond the declared range, or are none of the classes.
    """

    name: str
    unit: str = ""
    low: float = 0.0
    high: float = 0.0
    declared: tuple[bool, bool] = (False, False)
    found_low: float | None = None
    found_high: float | None = None
    bars: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    missing: int = 0
    outside: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        common = {"name": self.name, "missing": self.missing, "outside": self.outside}
        if self.labels:
            return {**common, "counts": dict(zip(self.labels, self.bars, strict=True))}
        return {
            **common,
            "unit": self.unit,
            "low": self.low,
            "high": self.high,
            "found_low": self.found_low,
            "found_high": self.found_high,
            "bars": list(self.bars),
        }


class NumberPicture:
    """Counts numbers along a declared range, or along one that grows with what is found.

    Parameters
    ----------
    name, unit
        Of the column.
    low, high
        The declared range; None where an end is open.
    """

    def __init__(
        self, name: str, unit: str = "", low: float | None = None, high: float | None = None
    ) -> None:
        self._name, self._unit = name, unit
        self._declared = (low, high)
        self._ends = (-_FARTHEST if low is None else low, _FARTHEST if high is None else high)
        self._fixed = low is not None and high is not None and low < high
        self._low = low if low is not None and self._fixed else 0.0
        self._high = high if high is not None and self._fixed else 0.0
        self._bars = np.zeros(BINS, np.int64)
        self._least, self._greatest = np.inf, -np.inf
        self._missing = self._outside = 0

    def add(self, values: np.ndarray) -> None:
        """Count more of them; NaN is a missing one."""
        values = np.asarray(values, np.float64).ravel()
        if not len(values):
            return
        least, greatest = float(values.min()), float(values.max())
        if np.isnan(least):
            present = ~np.isnan(values)
            self._missing += int(len(values) - present.sum())
            values = values[present]
            if not len(values):
                return
            least, greatest = float(values.min()), float(values.max())
        self._least, self._greatest = min(self._least, least), max(self._greatest, greatest)
        low, high = self._ends
        if least < low or greatest > high:
            inside = (values >= low) & (values <= high)
            self._outside += int(len(values) - inside.sum())
            values = values[inside]
            if not len(values):
                return
            least, greatest = float(values.min()), float(values.max())
        if not self._fixed:
            self._grow(least, greatest)
        scale = BINS / (self._high - self._low)
        places = np.minimum(((values - self._low) * scale).astype(np.int64), BINS - 1)
        self._bars += np.bincount(places, minlength=BINS)

    def picture(self) -> Picture:
        """Return what was counted."""
        none = self._least > self._greatest
        return Picture(
            self._name,
            self._unit,
            low=self._low,
            high=self._high,
            declared=(self._declared[0] is not None, self._declared[1] is not None),
            found_low=None if none else self._least,
            found_high=None if none else self._greatest,
            bars=tuple(int(count) for count in self._bars),
            missing=self._missing,
            outside=self._outside,
        )

    def _grow(self, least: float, greatest: float) -> None:
        """Double the axis, merging its bars by twos, until it holds what was found."""
        low, high = self._low, self._high
        if low == high:
            low, high = least, greatest
            if high - low < _NARROWEST:
                margin = max(abs(low) / 2, 0.5)
                low, high = low - margin, high + margin
        while least < low or greatest > high:
            width = high - low
            halves = self._bars.reshape(-1, 2).sum(axis=1)
            empty = np.zeros(BINS // 2, np.int64)
            if greatest > high:
                high += width
                self._bars = np.concatenate([halves, empty])
            else:
                low -= width
                self._bars = np.concatenate([empty, halves])
        self._low, self._high = low, high


class ClassPicture:
    """Counts the classes of a column.

    Parameters
    ----------
    name
        Of the column.
    labels
        The classes in declared order.
    """

    def __init__(self, name: str, labels: tuple[str, ...]) -> None:
        self._name = name
        self._labels = labels
        self._counts: Counter[int] = Counter()

    def add(self, codes: np.ndarray) -> None:
        """Count more of them, given by index; what is no index is no class, and NaN is missing."""
        values, counts = np.unique(np.asarray(codes).ravel(), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._counts[-2 if np.isnan(value) else int(value)] += count

    @property
    def present(self) -> list[str]:
        """The classes that are there."""
        return [label for index, label in enumerate(self._labels) if self._counts[index]]

    def picture(self) -> Picture:
        """Return what was counted."""
        bars = tuple(self._counts[index] for index in range(len(self._labels)))
        missing = self._counts[len(self._labels)] + self._counts[-2]
        return Picture(
            self._name,
            bars=bars,
            labels=self._labels,
            missing=missing,
            outside=self._counts.total() - sum(bars) - missing,
        )
