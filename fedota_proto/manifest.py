"""The manifest of a problem's model: order, names, dtypes and shapes of its arrays."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fedota_proto.errors import ModelFileError

ITEM_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "float64": 8}
MANIFEST_MAX_BYTES = 32 << 20
ARRAYS_MAX = 100_000
_RANK_MAX = 32
_DIMENSION_MAX = 1 << 48


@dataclass(frozen=True, slots=True)
class ManifestArray:
    """One federated array.

    Parameters
    ----------
    name
        Path in the ``.keras`` file's weights, as ``layers/dense/vars/0``.
    dtype
        ``float16``, ``bfloat16``, ``float32`` or ``float64``.
    shape
        Dimensions.
    trainable
        Whether the optimizer changes it; BatchNormalization's statistics are not trainable.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    trainable: bool = True

    @property
    def size_bytes(self) -> int:
        """Size of the elements, in bytes."""
        return math.prod(self.shape) * ITEM_BYTES[self.dtype]


@dataclass(frozen=True, slots=True)
class ManifestInput:
    """One input of the model.

    Parameters
    ----------
    name
        As in the model.
    dtype
        Keras's name of the dtype.
    shape
        Without the batch dimension; None where a dimension is open.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the servers know of a model without Keras.

    Parameters
    ----------
    arrays
        In the order in which they travel.
    loss
        Name of the compiled loss.
    metrics
        Names that the model's evaluation reports, the loss first.
    optimizer
        What the compilation says of it (name, learning rate …), JSON values.
    inputs
        In the model's order.
    """

    arrays: tuple[ManifestArray, ...]
    loss: str = ""
    metrics: tuple[str, ...] = ()
    optimizer: Mapping[str, Any] = field(default_factory=dict)
    inputs: tuple[ManifestInput, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all arrays, in order."""
        return tuple(array.name for array in self.arrays)

    @property
    def trainable_names(self) -> tuple[str, ...]:
        """Names of the trainable arrays, in order."""
        return tuple(array.name for array in self.arrays if array.trainable)

    @property
    def size_bytes(self) -> int:
        """Size of all elements, in bytes."""
        return sum(array.size_bytes for array in self.arrays)

    def to_json(self) -> str:
        """Write the manifest as JSON, always the same text for the same manifest.

        Returns
        -------
        str
            One JSON object.
        """
        document = {
            "arrays": [
                {
                    "name": array.name,
                    "dtype": array.dtype,
                    "shape": list(array.shape),
                    "trainable": array.trainable,
                }
                for array in self.arrays
            ],
            "loss": self.loss,
            "metrics": list(self.metrics),
            "optimizer": dict(self.optimizer),
            "inputs": [
                {"name": one.name, "dtype": one.dtype, "shape": list(one.shape)}
                for one in self.inputs
            ],
        }
        return json.dumps(document, allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> Manifest:
        """Read and check a manifest.

        Parameters
        ----------
        text
            One JSON object, as `to_json` writes it.

        Returns
        -------
        Manifest
            Its arrays have distinct names, known dtypes and sane shapes.

        Raises
        ------
        ModelFileError
            If anything is missing or malformed; `place` says where.
        """
        if len(text) > MANIFEST_MAX_BYTES:
            raise _malformed("the file", "is larger than 32 MiB")
        try:
            document = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise _malformed("the file", "is not JSON") from None
        if not isinstance(document, dict):
            raise _malformed("the file", "is not a JSON object")
        rows = _a_list(document, "arrays")
        if not 1 <= len(rows) <= ARRAYS_MAX:
            raise _malformed("arrays", f"lists {len(rows)} arrays")
        arrays = tuple(_read_array(row, f"arrays[{i}]") for i, row in enumerate(rows))
        if len({array.name for array in arrays}) != len(arrays):
            raise _malformed("arrays", "has a name twice")
        loss = document.get("loss", "")
        metrics = _a_list(document, "metrics")
        optimizer = document.get("optimizer", {})
        inputs = _a_list(document, "inputs")
        if not isinstance(loss, str):
            raise _malformed("loss", "is not a text")
        if not all(isinstance(name, str) and name for name in metrics):
            raise _malformed("metrics", "holds something else than names")
        if len(set(metrics)) != len(metrics):
            raise _malformed("metrics", "has a name twice")
        if not isinstance(optimizer, dict):
            raise _malformed("optimizer", "is not an object")
        return cls(
            arrays=arrays,
            loss=loss,
            metrics=tuple(metrics),
            optimizer=optimizer,
            inputs=tuple(_read_input(row, f"inputs[{i}]") for i, row in enumerate(inputs)),
        )


def _malformed(place: str, what: str) -> ModelFileError:
    return ModelFileError(
        f"The model's manifest is damaged: {place} {what}; make it anew with "
        "`fedota problem check`.",
        place=place,
    )


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _a_list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key, [])
    if not isinstance(value, list):
        raise _malformed(key, "is not a list")
    return value


def _is_dimension(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _DIMENSION_MAX


def _named(row: object, place: str) -> dict[str, Any]:
    if not isinstance(row, dict):
        raise _malformed(place, "is not an object")
    name = row.get("name")
    if not isinstance(name, str) or not name or len(name) > 1000 or not name.isprintable():
        raise _malformed(place, "has no usable name")
    shape = row.get("shape")
    if not isinstance(shape, list) or len(shape) > _RANK_MAX:
        raise _malformed(place, "has no usable shape")
    return row


def _read_array(row: object, place: str) -> ManifestArray:
    entry = _named(row, place)
    dtype, trainable = entry.get("dtype"), entry.get("trainable", True)
    if not isinstance(dtype, str) or dtype not in ITEM_BYTES:
        raise _malformed(place, "has no floating-point dtype")
    if not all(_is_dimension(size) for size in entry["shape"]):
        raise _malformed(place, "has no usable shape")
    if not isinstance(trainable, bool):
        raise _malformed(place, "does not say whether it is trainable")
    return ManifestArray(entry["name"], dtype, tuple(entry["shape"]), trainable)


def _read_input(row: object, place: str) -> ManifestInput:
    entry = _named(row, place)
    if not isinstance(entry.get("dtype"), str):
        raise _malformed(place, "has no dtype")
    if not all(size is None or _is_dimension(size) for size in entry["shape"]):
        raise _malformed(place, "has no usable shape")
    return ManifestInput(entry["name"], entry["dtype"], tuple(entry["shape"]))
