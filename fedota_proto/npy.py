"""The ``.npy`` format, read strictly and without a copy: what Flower's ``Array`` holds.

numpy's own reader evaluates the header as a Python literal and accepts much that no update should
bring. This one knows the header that numpy writes for arrays of plain dtypes, and nothing else.

References
----------
NEP 1 and ``numpy.lib.format``: versions 1.0 and 2.0.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from fedota_proto.errors import StreamError

if TYPE_CHECKING:
    from fedota_proto.record_table import ArrayBytes, Buffer

NUMPY_STYPE = "numpy.ndarray"
BFLOAT16 = "bfloat16"
HEADER_MAX_BYTES = 10_000
NDIM_MAX = 64

_MAGIC = b"\x93NUMPY"
_DIM = rb"(?:0|[1-9][0-9]{0,18})"
_OLD_BYTES = re.compile(r"[<>=|]?a[0-9]*")  # which numpy takes with a warning, yet
_HEADER = re.compile(
    rb"\{'descr': *'([<>|][biufcSUV][1-9][0-9]{0,8})', *"
    rb"'fortran_order': *(True|False), *"
    rb"'shape': *\(((?:" + _DIM + rb", *)+" + _DIM + rb"|" + _DIM + rb",)? *\) *,? *\} *\n?"
)


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What the header of an ``.npy`` file says.

    Parameters
    ----------
    dtype
        Of the elements, byte order included.
    shape
        Elements along each axis.
    fortran_order
        The first axis varies fastest.
    offset
        Where the elements begin, in bytes.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran_order: bool
    offset: int

    @property
    def size_bytes(self) -> int:
        """The size of header and elements, in bytes."""
        return self.offset + math.prod(self.shape) * self.dtype.itemsize


def npy_header(data: Buffer) -> NpyHeader:
    """Parse the header of an ``.npy`` file of a plain dtype.

    Parameters
    ----------
    data
        The file's bytes; what follows the header is not looked at.

    Returns
    -------
    NpyHeader
        Shared between files with the same header.

    Raises
    ------
    StreamError
        If the bytes do not begin with such a header.
    """
    view = memoryview(data)
    if view.nbytes < 10 or view[:6] != _MAGIC:
        raise StreamError("The array does not begin as an .npy file does.")
    version = (view[6], view[7])
    if version == (1, 0):
        start, length = 10, int.from_bytes(view[8:10], "little")
    elif version == (2, 0) and view.nbytes >= 12:
        start, length = 12, int.from_bytes(view[8:12], "little")
    else:
        raise StreamError(f"The array has .npy version {version[0]}.{version[1]}, not 1.0 or 2.0.")
    if length > HEADER_MAX_BYTES or start + length > view.nbytes:
        raise StreamError("The array's .npy header is longer than the array or than is allowed.")
    return _parse(bytes(view[start : start + length]), start)


@lru_cache(maxsize=1024)
def _parse(header: bytes, start: int) -> NpyHeader:
    match = _HEADER.fullmatch(header)
    if match is None:
        raise StreamError("The array's .npy header is malformed, or its dtype is not a plain one.")
    descr, fortran, dims = match.groups()
    shape = tuple(int(dim) for dim in (dims or b"").split(b",") if dim.strip())
    try:
        dtype = np.dtype(descr.decode("ascii"))
    except (TypeError, ValueError) as error:
        raise StreamError(f"The array's dtype {descr.decode('ascii')!r} is unknown.") from error
    if not is_possible(shape, dtype.itemsize):
        raise StreamError("The array's shape is larger than any array can be.")
    return NpyHeader(dtype, shape, fortran == b"True", start + len(header))


def is_possible(shape: Sequence[int], itemsize: int = 1) -> bool:
    """Tell whether an array of this shape can exist in an address space.

    Parameters
    ----------
    shape
        Elements along each axis.
    itemsize
        Size of an element in bytes.

    Returns
    -------
    bool
        False beyond 64 axes or 2^63 bytes, axes without elements not counted.
    """
    return len(shape) <= NDIM_MAX and math.prod(dim or 1 for dim in shape) * itemsize < 2**63


def npy_view(array: ArrayBytes) -> np.ndarray:
    """View the elements of an array where they lie.

    Parameters
    ----------
    array
        With stype ``"numpy.ndarray"``.

    Returns
    -------
    np.ndarray
        Of the header's dtype and shape, read-only; void of two bytes for ``"bfloat16"``.

    Raises
    ------
    StreamError
        If the bytes are no ``.npy`` file of exactly the declared dtype, shape and size.
    """
    header = npy_header(array.data)
    if header.dtype.newbyteorder("=") != dtype_of(array.dtype) or header.shape != array.shape:
        raise StreamError(
            f"An array is declared {array.dtype} of shape {array.shape}; "
            f"its header says {header.dtype} of shape {header.shape}."
        )
    return elements(array.data, header)


def elements(data: Buffer, header: NpyHeader) -> np.ndarray:
    """View the elements that follow a header.

    Parameters
    ----------
    data
        The whole ``.npy`` file.
    header
        Its header.

    Returns
    -------
    np.ndarray
        Of the header's dtype and shape, read-only.

    Raises
    ------
    StreamError
        If the file's size is not what its header implies.
    """
    size_bytes = memoryview(data).nbytes
    if size_bytes != header.size_bytes:
        raise StreamError(
            f"An array has {size_bytes} bytes; its header implies {header.size_bytes}."
        )
    flat: np.ndarray
    if size_bytes == header.offset:
        flat = np.empty(0, header.dtype)
    else:
        flat = np.frombuffer(data, header.dtype, offset=header.offset)
    flat.flags.writeable = False
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")


def npy_bytes(array: np.ndarray) -> bytes:
    """Write an array as ``np.save`` does, in C order and little-endian, with one copy.

    Parameters
    ----------
    array
        Of a plain dtype or ``ml_dtypes.bfloat16``, any shape.

    Returns
    -------
    bytes
        An ``.npy`` file, version 1.0.

    Raises
    ------
    StreamError
        If the array holds Python objects or fields.
    """
    if array.dtype.hasobject or array.dtype.fields:
        raise StreamError(f"An array of dtype {array.dtype} cannot be sent.")
    native = np.asarray(array, array.dtype.newbyteorder("<"))
    flat = np.ascontiguousarray(native).reshape(-1)
    raw = flat.view(np.uint8) if flat.size and flat.itemsize else np.empty(0, np.uint8)
    return b"".join((npy_prefix(native.dtype, native.shape), raw.data))


def npy_prefix(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """Write the header that ``np.save`` gives an array in C order.

    Parameters
    ----------
    dtype
        Plain, little-endian or without byte order.
    shape
        Elements along each axis.

    Returns
    -------
    bytes
        Magic, version, length and header; a multiple of 64 bytes.
    """
    out = io.BytesIO()
    descr = dtype.str if dtype.kind != "V" else f"<V{dtype.itemsize}"
    np.lib.format.write_array_header_1_0(
        out, {"descr": descr, "fortran_order": False, "shape": tuple(shape)}
    )
    return out.getvalue()


@lru_cache(maxsize=64)
def dtype_of(name: str) -> np.dtype[Any]:
    """Find the dtype that an ``.npy`` header gives to a named dtype, in native byte order.

    Parameters
    ----------
    name
        numpy's name, or ``"bfloat16"``, which an ``.npy`` file calls void of two bytes.

    Returns
    -------
    np.dtype
        Native.

    Raises
    ------
    StreamError
        If numpy does not know the name, or it is no plain dtype.
    """
    if name == BFLOAT16:
        return np.dtype("V2")
    if _OLD_BYTES.fullmatch(name):
        raise StreamError(f"The dtype {name!r} is an old name of bytes: it is called S.")
    try:
        dtype = np.dtype(name)
    except (TypeError, ValueError, SyntaxError) as error:
        raise StreamError(f"The dtype {name!r} is unknown.") from error
    if dtype.hasobject or dtype.fields or dtype.subdtype:
        raise StreamError(f"The dtype {name!r} is not a plain one.")
    return dtype.newbyteorder("=")
