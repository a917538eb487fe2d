"""Classes that a holder never has: the personal model begins by taking them for unlikely.

References
----------
Saerens, Latinne and Decaestecker, Adjusting the Outputs of a Classifier to New a Priori
Probabilities: A Simple Procedure, Neural Computation 2002. Here only for classes without a single
example, since how frequent a class is among the other holders is not known: by Laplace's rule of
succession such a class has a probability of about 1 / (examples + classes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class AbsentClasses:
    """Classes without an example to train on.

    Parameters
    ----------
    indices
        Of the classes.
    shift
        What their outputs are changed by before the softmax: log(classes / (examples + classes)).
    """

    indices: tuple[int, ...]
    shift: float


def absent_classes(labels: np.ndarray, classes: int) -> AbsentClasses | None:
    """Find the classes that a holder never has; None if there is none.

    Parameters
    ----------
    labels
        Index of each example's class.
    classes
        How many the problem has.
    """
    counts = np.bincount(labels.astype(np.int64), minlength=classes)[:classes]
    indices = tuple(int(index) for index in np.flatnonzero(counts == 0))
    if not indices or len(indices) == classes:
        return None
    return AbsentClasses(indices, math.log(classes / (len(labels) + classes)))


def unlikely(
    arrays: Mapping[str, np.ndarray], bias: str, absent: AbsentClasses
) -> dict[str, np.ndarray]:
    """Return a model whose output takes the absent classes for unlikely.

    Parameters
    ----------
    arrays
        Of the model.
    bias
        Name of the output layer's bias, ``(classes,)``.
    absent
        Whose bias is shifted.
    """
    shifted = np.array(arrays[bias])
    shifted[list(absent.indices)] += absent.shift
    return {**arrays, bias: shifted.astype(arrays[bias].dtype)}
