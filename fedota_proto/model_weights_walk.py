"""The walk of model.weights.h5: every link and dataset is judged before any value is read.

HDF5 can make a reader open other files (external links, external storage, virtual datasets) and
fill memory from a few bytes (shapes without data, filters). Only what Keras writes passes: groups
and datasets by one hard link each, of plain numbers.
"""

from __future__ import annotations

import math
import re
import zlib
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

import h5py
import numpy as np

from fedota_proto.errors import ModelFileError
from fedota_proto.model_limits import ModelLimits
from fedota_proto.toml_reader import shown

_NAME = re.compile(rb"[A-Za-z0-9_]{1,200}")
_DATASET = re.compile(
    r"((layers|optimizer)/([a-z0-9_]+/)*)?vars/([0-9]+|idf_weights)", re.IGNORECASE
)
_TOP = ("layers", "optimizer", "vars")
_RANK_MAX = 16
_PATH_PARTS_MAX = 64
_ATTRIBUTES_MAX = 4
# Codes of HDF5's filters: shuffle is 2, gzip is 1.
_PACKINGS = ((), (2,), (1,), (2, 1))
# gzip cannot expand beyond 1032 times.
_EXPANSION_MAX = 1100
_SAVE_AGAIN = 'load the model where you made it and save it with model.save("model.keras")'


@dataclass(frozen=True, slots=True)
class StoredArray:
    """One federated array of a model file: floating-point, under ``layers/``.

    Parameters
    ----------
    name
        Path in the weights, as ``layers/dense/vars/0``.
    dtype
        ``float16``, ``float32`` or ``float64``.
    shape
        Dimensions.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def parameters(self) -> int:
        """Numbers in the array."""
        return math.prod(self.shape)

    @property
    def size_bytes(self) -> int:
        """Size of the numbers, in bytes."""
        return self.parameters * np.dtype(self.dtype).itemsize


def is_federated(name: str, dtype: str) -> bool:
    """Say whether an array of the weights is federated: a float variable under ``layers/``.

    Parameters
    ----------
    name
        Path in the weights.
    dtype
        As numpy names it.

    Returns
    -------
    bool
        False also for the optimizer of a nested model that was compiled itself.
    """
    parts = name.split("/")
    return (
        dtype.startswith("float")
        and parts[0] == "layers"
        and parts[-1].isdigit()
        and "optimizer" not in parts
    )


class WeightsWalk:
    """Walks the links of one open HDF5 file, by h5py's low-level calls.

    Parameters
    ----------
    limits
        How many objects, numbers and bytes there may be.
    layer_groups
        Names that may stand under ``layers/``; None: any.
    """

    def __init__(self, limits: ModelLimits, layer_groups: frozenset[str] | None = None) -> None:
        self._limits = limits
        self._layer_groups = layer_groups
        self._seen: set[tuple[int, int]] = set()
        self._bytes = 0
        self._parameters = 0
        self._arrays: list[StoredArray] = []

    def walk(self, root: Any) -> tuple[StoredArray, ...]:
        """Judge every object of the file.

        Parameters
        ----------
        root
            Low-level id of the root group.

        Returns
        -------
        tuple of StoredArray
            The federated arrays, in the natural order of their names.

        Raises
        ------
        ModelFileError
            At the first object that Keras would not have written.
        """
        self._group(root, ())
        return tuple(sorted(self._arrays, key=lambda array: _natural(array.name)))

    def _group(self, group: Any, path: tuple[str, ...]) -> None:
        place = "/".join(path) or "the root"
        if len(path) > _PATH_PARTS_MAX:
            refuse_weights(place, "is nested too deeply")
        if len(self._seen) + group.get_num_objs() > self._limits.weights_objects_max:
            refuse_weights(place, "holds too many objects; no real model does")
        self._attributes(group, place, "name")
        for name in group:
            if not _NAME.fullmatch(name):
                refuse_weights(place, f"holds the name {shown(name.decode('utf-8', 'replace'))}")
            child = (*path, name.decode("ascii"))
            self._child(group, name, child)

    def _child(self, group: Any, name: bytes, path: tuple[str, ...]) -> None:
        place = "/".join(path)
        link = group.links.get_info(name)
        if link.type != h5py.h5l.TYPE_HARD:
            kinds = {h5py.h5l.TYPE_EXTERNAL: "another file", h5py.h5l.TYPE_SOFT: "elsewhere"}
            refuse_weights(place, f"is a link to {kinds.get(link.type, 'something unknown')}")
        if len(path) == 1 and path[0] not in _TOP:
            refuse_weights(place, "is not a part that Keras writes")
        groups = self._layer_groups
        if groups is not None and path[0] == "layers" and not groups.issuperset(path[1:2]):
            refuse_weights(place, "belongs to no layer that config.json lists")
        about = h5py.h5o.get_info(group, name)
        if (about.fileno, about.addr) in self._seen or about.rc > 1:
            refuse_weights(place, "is linked twice")
        self._seen.add((about.fileno, about.addr))
        if about.type == h5py.h5o.TYPE_GROUP:
            self._group(h5py.h5g.open(group, name), path)
        elif about.type == h5py.h5o.TYPE_DATASET:
            self._dataset(h5py.h5d.open(group, name), place)
        else:
            refuse_weights(place, "is neither a group nor an array")

    def _dataset(self, dataset: Any, place: str) -> None:
        # The creation properties come first: merely asking a virtual dataset for its shape makes
        # HDF5 look for other files.
        created = dataset.get_create_plist()
        layout = created.get_layout()
        if layout == h5py.h5d.VIRTUAL:
            refuse_weights(place, "is a virtual array, which reads other files")
        if layout not in (h5py.h5d.COMPACT, h5py.h5d.CONTIGUOUS, h5py.h5d.CHUNKED):
            refuse_weights(place, "is stored in an unknown way")
        if created.get_external_count():
            refuse_weights(place, "has its values in another file")
        packing = tuple(created.get_filter(n)[0] for n in range(created.get_nfilters()))
        if packing not in _PACKINGS:
            refuse_weights(place, "is packed with a filter other than gzip and shuffle")
        if not _DATASET.fullmatch(place):
            refuse_weights(place, "is an array where Keras writes none")
        self._attributes(dataset, place, "dtype")
        dtype = _dtype_name(dataset.get_type(), place)
        shape = _shape(dataset.get_space(), place)
        size_bytes = math.prod(shape) * np.dtype(dtype).itemsize
        stored_bytes = dataset.get_storage_size()
        # Values that are declared but not stored would be made up on reading, in any number.
        if stored_bytes != size_bytes and layout != h5py.h5d.CHUNKED:
            refuse_weights(
                place, f"declares {size_bytes:,} bytes of values but holds {stored_bytes:,}"
            )
        if size_bytes > _EXPANSION_MAX * stored_bytes:
            refuse_weights(
                place, f"declares {size_bytes:,} bytes of values but holds {stored_bytes:,}"
            )
        self._bytes += size_bytes
        if self._bytes > self._limits.file_max_bytes:
            refuse_weights(
                place,
                f"brings the arrays to {self._bytes:,} bytes; at most "
                f"{self._limits.file_max_bytes:,} are allowed",
                "make the model smaller",
            )
        if is_federated(place, dtype):
            self._federated(StoredArray(place, dtype, shape))
        if 1 in packing:
            piece_bytes = math.prod(created.get_chunk()) * np.dtype(dtype).itemsize
            _judge_packed_pieces(dataset, piece_bytes, place)

    def _federated(self, array: StoredArray) -> None:
        self._parameters += array.parameters
        if array.parameters == 0:
            refuse_weights(array.name, "is empty")
        if self._parameters > self._limits.parameters_max:
            refuse_weights(
                array.name,
                f"brings the model to {self._parameters:,} parameters; at most "
                f"{self._limits.parameters_max:,} are allowed",
                "make the model smaller",
            )
        self._arrays.append(array)

    def _attributes(self, owner: Any, place: str, allowed: str) -> None:
        count = h5py.h5a.get_num_attrs(owner)
        if count > _ATTRIBUTES_MAX:
            refuse_weights(place, "has attributes that Keras does not write")
        for number in range(count):
            attribute = h5py.h5a.open(owner, index=number)
            is_text = attribute.get_type().get_class() == h5py.h5t.STRING
            is_one = attribute.get_space().get_simple_extent_type() == h5py.h5s.SCALAR
            if attribute.name != allowed.encode() or not is_text or not is_one:
                refuse_weights(place, "has attributes that Keras does not write")
            if allowed == "dtype":
                _refuse_bfloat16(place)


def refuse_weights(place: str, what: str, remedy: str = _SAVE_AGAIN) -> NoReturn:
    """Refuse a file of weights.

    Parameters
    ----------
    place
        Path in the file; empty: the whole file.
    what
        What is wrong there.
    remedy
        What to do.

    Raises
    ------
    ModelFileError
        Always.
    """
    where = f"{shown(place)} in the weights" if place else "the file of weights"
    raise ModelFileError(f"{where} {what}; {remedy}", place=f"model.weights.h5: {place}")


def _refuse_bfloat16(place: str) -> NoReturn:
    refuse_weights(
        place,
        "is kept in bfloat16, in which means lose too much",
        'give that layer dtype="mixed_bfloat16", which computes in bfloat16 and keeps float32',
    )


@cache
def _known_types() -> tuple[tuple[Any, str], ...]:
    h5t = h5py.h5t
    known = [
        (h5t.IEEE_F32LE, "float32"),
        (h5t.IEEE_F64LE, "float64"),
        (h5t.IEEE_F16LE, "float16"),
        (h5t.py_create(np.dtype(bool), logical=True), "bool"),
    ]
    for bits in (8, 16, 32, 64):
        known.append((getattr(h5t, f"STD_I{bits}LE"), f"int{bits}"))
        known.append((getattr(h5t, f"STD_U{bits}LE"), f"uint{bits}"))
    return tuple(known)


def _dtype_name(stored: Any, place: str) -> str:
    if stored.committed():
        refuse_weights(place, "has a type of its own, kept elsewhere in the file")
    for known, name in _known_types():
        if stored.equal(known):
            return name
    if stored.get_class() == h5py.h5t.OPAQUE and stored.get_size() == 2:
        _refuse_bfloat16(place)
    refuse_weights(place, "is no array of little-endian numbers")


def _shape(space: Any, place: str) -> tuple[int, ...]:
    if space.get_simple_extent_type() not in (h5py.h5s.SCALAR, h5py.h5s.SIMPLE):
        refuse_weights(place, "has no shape")
    shape = tuple(int(size) for size in space.get_simple_extent_dims())
    if len(shape) > _RANK_MAX or tuple(space.get_simple_extent_dims(True)) != shape:
        refuse_weights(place, "has a shape that may grow, or too many dimensions")
    return shape


def _judge_packed_pieces(dataset: Any, piece_bytes: int, place: str) -> None:
    """Unpack every piece within its bound; HDF5 itself would unpack whatever gzip yields."""
    for number in range(dataset.get_num_chunks()):
        piece = dataset.get_chunk_info(number)
        if piece.filter_mask or piece.size > 2 * piece_bytes + 1000:
            refuse_weights(place, "is packed in a way that Keras does not use")
        unpacking = zlib.decompressobj()
        try:
            unpacked = unpacking.decompress(
                dataset.read_direct_chunk(piece.chunk_offset)[1], piece_bytes + 1
            )
        except zlib.error:
            refuse_weights(place, "is damaged")
        if len(unpacked) != piece_bytes or not unpacking.eof:
            refuse_weights(place, "unpacks to another size than it declares")


def _natural(name: str) -> tuple[tuple[int, str, int], ...]:
    """Sort key by which ``vars/10`` comes after ``vars/9``."""
    return tuple(
        (1, "", int(part)) if part.isdigit() else (0, part, 0) for part in re.split(r"(\d+)", name)
    )
