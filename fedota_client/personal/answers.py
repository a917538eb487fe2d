"""What a model's outputs mean, as columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fedota_client.personal.target_answers import classes_of

Columns = tuple[list[str], list[np.ndarray]]


def class_columns(outputs: np.ndarray, classes: Sequence[str]) -> Columns:
    """Name the class of each example, and show the model's outputs behind it.

    Parameters
    ----------
    outputs
        ``(examples, classes)``, or ``(examples, 1)`` for two classes.
    classes
        Names in the order of their indices.

    Returns
    -------
    list of str, list of np.ndarray
        Names of the columns, and their values.
    """
    flat = outputs.reshape(len(outputs), -1).astype(np.float64)
    names = np.array(list(classes), dtype=object)
    chosen = names[np.minimum(classes_of(outputs), len(classes) - 1)]
    if flat.shape[1] == 1:
        shown = [f"output {classes[-1]}"]
    else:
        shown = [f"output {name}" for name in classes]
        shown += [f"output {place}" for place in range(len(classes), flat.shape[1])]
    return ["prediction", *shown], [chosen, *flat.T]


def target_columns(
    outputs: Sequence[np.ndarray], names: Sequence[str], classes: Mapping[str, Sequence[str]]
) -> Columns | None:
    """Show what is predicted of each of several targets.

    Parameters
    ----------
    outputs, names
        One ``(examples, …)`` per output, and what the model calls it.
    classes
        Of each target; none where it is a number.

    Returns
    -------
    list of str, list of np.ndarray
        Names of the columns, and their values; None where the outputs are not named as the targets.
    """
    if sorted(names) != sorted(classes):
        return None
    said: list[str] = []
    columns: list[np.ndarray] = []
    for name, one in zip(names, outputs, strict=True):
        if classes[name]:
            headings, values = class_columns(one, classes[name])
            own = [heading.replace(" ", f" {name} ", 1) for heading in headings[1:]]
            own = [f"prediction {name}", *own]
        else:
            own, values = number_columns([one], [name], [name])
        said += own
        columns += values
    return said, columns


def number_columns(
    outputs: Sequence[np.ndarray], targets: Sequence[str], names: Sequence[str]
) -> Columns:
    """Show the numbers that a model predicts.

    Parameters
    ----------
    outputs
        One ``(examples, …)`` per output.
    targets
        Names of the targets; they name the columns where there are as many.
    names
        Of the outputs, for all other columns; where they are the targets' names, their order
        counts.

    Returns
    -------
    list of str, list of np.ndarray
        Names of the columns, and their values.
    """
    flat = [one.reshape(len(one), -1).astype(np.float64) for one in outputs]
    columns = [column for one in flat for column in one.T]
    if len(columns) == len(targets):
        said = names if sorted(names) == sorted(targets) else targets
        return [f"prediction {name}" for name in said], columns
    parts = [
        f"output {name} {place}" if one.shape[1] > 1 else f"output {name}"
        for name, one in zip(names, flat, strict=True)
        for place in range(one.shape[1])
    ]
    return parts, columns
