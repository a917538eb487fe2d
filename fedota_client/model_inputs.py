"""How a table's columns become a model's inputs and targets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fedota_client.examples import Examples
from fedota_proto.data_format import TableFormat
from fedota_proto.errors import ModelFileError
from fedota_proto.manifest import ManifestInput

_NUMBER_DTYPES = frozenset(
    {"float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16"}
)


class InputLayout:
    """Puts examples into the form that a model takes.

    One input takes all columns in declared order, ``(batch, columns)``; where the inputs bear the
    columns' names, each gets its own, ``(batch, 1)``.

    Parameters
    ----------
    data_format
        The problem's.
    inputs, outputs
        Of the model, in its order.

    Raises
    ------
    ModelFileError
        If the columns do not fit the model; says which and what to change.
    """

    def __init__(
        self,
        data_format: TableFormat,
        inputs: Sequence[ManifestInput],
        outputs: Sequence[ManifestInput],
    ) -> None:
        names = [column.name for column in data_format.inputs]
        for one in inputs:
            if one.dtype not in _NUMBER_DTYPES:
                raise ModelFileError(
                    f"The model's input {one.name!r} takes {one.dtype}, but columns become "
                    "numbers: give it a floating-point or integer dtype.",
                    place=one.name,
                )
        self._columns = self._choose(names, inputs)
        self._dtypes = [one.dtype for one in inputs]
        _check_output(data_format, outputs)

    def arrange(self, examples: Examples) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Lay examples out for the model.

        Parameters
        ----------
        examples
            In the declared format.

        Returns
        -------
        list of np.ndarray, list of np.ndarray
            One array ``(examples, …)`` per input, in the input's dtype; one float32 array
            ``(examples, 1)`` for the one output.
        """
        inputs = [
            np.ascontiguousarray(examples.inputs[:, columns], dtype=dtype)
            for columns, dtype in zip(self._columns, self._dtypes, strict=True)
        ]
        return inputs, [examples.targets]

    @staticmethod
    def _choose(names: Sequence[str], inputs: Sequence[ManifestInput]) -> list[list[int]]:
        if {one.name for one in inputs} == set(names) and all(_width(one) == 1 for one in inputs):
            return [[names.index(one.name)] for one in inputs]
        if len(inputs) > 1:
            takes = ", ".join(repr(one.name) for one in inputs[:5])
            raise ModelFileError(
                f"The model has {len(inputs)} inputs ({takes}), and their names are not those of "
                f"the {len(names)} columns that are not the target. Give it one input of shape "
                f"({len(names)},), or one of shape (1,) for each column, named like it."
            )
        width = _width(inputs[0])
        if width not in (len(names), None):
            raise ModelFileError(
                f"The model's input {inputs[0].name!r} takes {width} numbers, but [data] declares "
                f"{len(names)} columns that are not the target: make them agree.",
                place=inputs[0].name,
            )
        return [list(range(len(names)))]


def _width(one: ManifestInput) -> int | None:
    """Count the numbers that an input takes for an example; None: any, -1: no list of them."""
    shape = one.shape
    if len(shape) == 0:
        return 1
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return shape[0]
    return -1


def _check_output(data_format: TableFormat, outputs: Sequence[ManifestInput]) -> None:
    if len(outputs) != 1:
        raise ModelFileError(
            f"The model has {len(outputs)} outputs, but a problem has one target column: "
            "give the model one output."
        )
    classes = len(data_format.target.allowed)
    width = outputs[0].shape[-1] if outputs[0].shape else None
    if width is not None and 1 < width < classes:
        raise ModelFileError(
            f"The model's output tells {width} classes apart, but the column "
            f"{data_format.target.name!r} has {classes} allowed values: make them agree.",
            place=outputs[0].name,
        )
