"""What a model's outputs say of each target, beside what is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

_HALF = 0.5
_TWO = 2


@dataclass(frozen=True, slots=True)
class TargetAnswers:
    """What a model says of one target of some examples.

    Parameters
    ----------
    name
        The target's.
    classes
        Names in the order of their indices; none where the target is a number.
    predicted, true
        ``(examples, elements)``: indices of classes, or numbers. One element, but where the target
        of an example is an array itself.
    """

    name: str
    classes: tuple[str, ...]
    predicted: np.ndarray
    true: np.ndarray


def classes_of(outputs: np.ndarray) -> np.ndarray:
    """Return the class that a model's output names for each example.

    Parameters
    ----------
    outputs
        ``(examples, classes)``: the highest wins. ``(examples, 1)``: one number for the second of
        two classes, above one half where all lie in [0, 1], else (a logit) above 0.
    """
    flat = outputs.reshape(len(outputs), -1)
    if flat.shape[1] > 1:
        return np.asarray(flat.argmax(axis=1))
    values = flat[:, 0]
    is_probability = bool(np.all((values >= 0.0) & (values <= 1.0)))
    return np.asarray(values > (_HALF if is_probability else 0.0), dtype=np.int64)


def answers_of(
    outputs: np.ndarray,
    true: np.ndarray,
    names: Sequence[str],
    classes: Mapping[str, Sequence[str]],
) -> list[TargetAnswers]:
    """Read what one of the model's outputs says of its target, or of each of its targets.

    Parameters
    ----------
    outputs
        ``(examples, …)``.
    true
        ``(examples, …)``: with several targets their columns, ``(examples, targets)``.
    names
        Of the targets that the output predicts.
    classes
        Of each target; none where it is a number.

    Returns
    -------
    list of TargetAnswers
        Without those of which the output says neither a class nor a number: as a distribution, or
        one number for three classes.
    """
    count = len(true)
    if len(names) > 1:
        if outputs.size != true.size:
            return []
        predicted, right = outputs.reshape(true.shape), true
        columns = [(predicted[:, place], right[:, place]) for place in range(len(names))]
    else:
        columns = [(outputs, true)]
    found = []
    for name, (said, right) in zip(names, columns, strict=True):
        right = right.reshape(count, -1).astype(np.float64)
        read = _read(said, right.shape, len(classes[name]))
        if read is not None:
            index = np.int64 if classes[name] else np.float64
            found.append(TargetAnswers(name, tuple(classes[name]), read, right.astype(index)))
    return found


def _read(outputs: np.ndarray, shape: tuple[int, ...], classes: int) -> np.ndarray | None:
    """Read ``(examples, elements)`` classes or numbers out of an output, if it says such."""
    size = int(np.prod(shape))
    if not classes:
        return outputs.reshape(shape).astype(np.float64) if outputs.size == size else None
    width, rest = divmod(outputs.size, size)
    if rest or (width < classes and (width, classes) != (1, _TWO)):
        return None
    indices = classes_of(outputs.reshape(size, width))
    return np.asarray(np.minimum(indices, classes - 1).reshape(shape))
