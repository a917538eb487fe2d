"""A holder's examples as numbers: what every kind of data becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Examples:
    """Examples in the declared format.

    Parameters
    ----------
    inputs
        float32 ``(examples, input columns)``, columns in declared order; allowed values are their
        index in the declared list.
    targets
        float32 ``(examples, 1)``.
    """

    inputs: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.targets)

    def take(self, rows: np.ndarray) -> Examples:
        """Return copies of some of the examples.

        Parameters
        ----------
        rows
            Integer ``(chosen,)``, or boolean ``(examples,)``.
        """
        return Examples(self.inputs[rows], self.targets[rows])


def joined(parts: Sequence[Examples]) -> Examples:
    """Return all examples of all parts, in order; at least one part."""
    return Examples(
        np.concatenate([part.inputs for part in parts]),
        np.concatenate([part.targets for part in parts]),
    )
