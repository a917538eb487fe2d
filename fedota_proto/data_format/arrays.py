"""Named arrays in ``.npz`` files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fedota_proto.data_format.common import CLASSES_MAX, is_folder_name, read_minimum_examples
from fedota_proto.toml_reader import Mistakes, TableReader, shown

ARRAYS_MAX = 100
NDIM_MAX = 8
EXAMPLE_BYTES_MAX = 1 << 30
ARRAY_DTYPES = (
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "bool",
)


@dataclass(frozen=True, slots=True)
class DeclaredArray:
    """One named array; its first axis counts the examples.

    Parameters
    ----------
    name
        In the ``.npz`` file.
    dtype
        One of `ARRAY_DTYPES`.
    shape
        Of one example; empty for a single number.
    unit
        For people; may be empty.
    minimum, maximum
        Bounds of every value, both included; None where there is none.
    classes
        For whole numbers: values are 0 up to, not including, this; 0: it is no class.
    target
        Whether this is what the model predicts.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    classes: int = 0
    target: bool = False

    @property
    def elements(self) -> int:
        """Numbers in one example."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class ArraysFormat:
    """``.npz`` files, each with every declared array for its examples.

    Parameters
    ----------
    minimum_examples
        Fewest examples with which a holder may take part.
    arrays
        In declared order, the targets among them.
    """

    minimum_examples: int
    arrays: tuple[DeclaredArray, ...]
    kind: Literal["arrays"] = "arrays"

    @property
    def inputs(self) -> tuple[DeclaredArray, ...]:
        """The arrays that the model sees, in declared order."""
        return tuple(array for array in self.arrays if not array.target)

    @property
    def targets(self) -> tuple[DeclaredArray, ...]:
        """The arrays that the model predicts, in declared order; at least one."""
        return tuple(array for array in self.arrays if array.target)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes of the one target; empty if it is no class, or there are several."""
        return tuple(map(str, range(self.targets[0].classes))) if len(self.targets) == 1 else ()

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of what the model predicts."""
        return tuple(array.name for array in self.targets)


def read_arrays_format(reader: TableReader) -> ArraysFormat:
    """Read the section ``[data]`` of arrays.

    Parameters
    ----------
    reader
        The section; every mistake is noted there.

    Returns
    -------
    ArraysFormat
        Not to be used if there was a mistake.
    """
    mistakes = reader.mistakes
    minimum_examples = read_minimum_examples(reader)
    rows = reader.list_of_values("arrays")
    if len(rows) > ARRAYS_MAX:
        reader.wrong("arrays", f"has {len(rows)} arrays, at most {ARRAYS_MAX} are allowed")
        rows = []
    elif not rows and reader.fine("arrays"):
        reader.wrong("arrays", "is missing; write one [[data.arrays]] for each array")
    arrays: list[DeclaredArray] = []
    names: set[str] = set()
    for number, row in enumerate(rows, start=1):
        place = f"[[data.arrays]] number {number}"
        if not isinstance(row, dict):
            mistakes.add(place, f"must be a table with name, dtype and shape, not {shown(row)}")
            continue
        array = _read_array(row, place, mistakes)
        if array.name and array.name in names:
            mistakes.add(f"{place} name", f"{shown(array.name)} is also the name of another array")
        names.add(array.name)
        arrays.append(array)
    if arrays and len(arrays) == len(rows):
        if not any(array.target for array in arrays):
            mistakes.add(
                "[[data.arrays]]",
                "no array has target = true; mark the one that the model predicts",
            )
        elif all(array.target for array in arrays):
            mistakes.add("[[data.arrays]]", "there is no array besides the target to predict from")
    return ArraysFormat(minimum_examples, tuple(arrays))


def _read_array(row: Mapping[str, object], place: str, mistakes: Mistakes) -> DeclaredArray:
    name = row.get("name")
    if isinstance(name, str) and name.strip():
        place = f"[[data.arrays]] {shown(name)}"
    reader = TableReader(row, place, mistakes)
    array_name = reader.text("name")
    if reader.fine("name") and not is_folder_name(array_name):
        reader.wrong("name", f"{shown(array_name)} cannot be the name of an array in a file")
    dtype = reader.choice("dtype", ARRAY_DTYPES, default="float32")
    shape = _read_shape(reader)
    unit = reader.text("unit", default="", longest=50, may_be_empty=True)
    minimum = reader.optional_number("minimum")
    maximum = reader.optional_number("maximum")
    if minimum is not None and maximum is not None and minimum > maximum:
        reader.wrong("minimum", f"is {minimum:g}, above the maximum {maximum:g}")
    classes = reader.integer("classes", minimum=2, maximum=CLASSES_MAX, default=0)
    if reader.given("classes") and reader.fine("classes", "dtype"):
        if "int" not in dtype:
            reader.wrong("classes", f"is for whole numbers, not for {dtype}; give an integer dtype")
        elif minimum is not None or maximum is not None:
            reader.wrong("classes", "bounds the values already; leave minimum and maximum out")
    target = reader.flag("target", default=False)
    reader.finish()
    return DeclaredArray(array_name, dtype, shape, unit, minimum, maximum, classes, target)


def _read_shape(reader: TableReader) -> tuple[int, ...]:
    values = reader.list_of_values("shape")
    if not reader.fine("shape"):
        return ()
    shape: list[int] = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            reader.wrong(
                "shape",
                f"holds {shown(value)}; list the sizes of one example's axes, as [28, 28], without "
                "the axis that counts the examples",
            )
            return ()
        shape.append(value)
    if len(shape) > NDIM_MAX or math.prod(shape) * 8 > EXAMPLE_BYTES_MAX:
        reader.wrong("shape", f"has more than {NDIM_MAX} axes, or one example exceeds 1 GiB")
        return ()
    return tuple(shape)
