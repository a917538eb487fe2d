"""Records and their passage through streams of chunks; knows no Flower.

A *record* is Flower's: arrays, metrics or configuration under a name. Arrays are the bytes that
Flower's ``Array`` holds, never re-encoded and, where possible, never copied: what is received lies
in one buffer per payload, and every array is a view of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fedota_proto.errors import StreamError
from fedota_proto.v1 import fl_records_pb2 as pb

CHUNK_BYTES = 1 << 20
INLINE_BYTES = 1 << 16

Scalar = float | int | bool | str | bytes
ScalarList = Sequence[float] | Sequence[int] | Sequence[bool] | Sequence[str] | Sequence[bytes]
Buffer = bytes | bytearray | memoryview


@dataclass(slots=True)
class ArrayBytes:
    """One array as Flower's ``Array`` holds it.

    Parameters
    ----------
    dtype, shape, stype
        As in Flower: numpy's name of the dtype, the shape, ``"numpy.ndarray"``.
    data
        The serialised bytes, a view wherever it can be.
    sha256
        Digest of `data` (32 bytes) where its maker computed it, else empty.
    """

    dtype: str
    shape: tuple[int, ...]
    stype: str
    data: Buffer
    sha256: bytes = b""

    def digest(self) -> bytes:
        """Return the SHA-256 of the bytes, computed at most once.

        Returns
        -------
        bytes
            32 bytes.
        """
        if not self.sha256:
            self.sha256 = hashlib.sha256(self.data).digest()
        return self.sha256


Arrays = dict[str, ArrayBytes]


@dataclass(slots=True)
class Records:
    """The content of one message: three kinds of record, each under its name, in order.

    `order` keeps the names as the sender had them, over all three kinds.
    """

    arrays: dict[str, Arrays] = field(default_factory=dict)
    metrics: dict[str, dict[str, Scalar | ScalarList]] = field(default_factory=dict)
    config: dict[str, dict[str, Scalar | ScalarList]] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)

    def all_arrays(self) -> Iterator[ArrayBytes]:
        """Iterate over every array of every array record, in wire order."""
        for name in self.order:
            if name in self.arrays:
                yield from self.arrays[name].values()

    def size_bytes(self) -> int:
        """Sum the sizes of all arrays, in bytes."""
        return sum(memoryview(array.data).nbytes for array in self.all_arrays())
