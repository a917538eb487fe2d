"""What goes out to many: a content is sent once to each selector, and of it only new arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from flwr.app import Array, ArrayRecord, RecordDict

from fedota_proto.flower import records_from_flower
from fedota_proto.records import ArrayBytes, Records, table_of, to_payload
from fedota_proto.v1 import fl_records_pb2

_DIGEST = "_fedota_digest"


class Content:
    """The records that some messages share, every array named by its digest.

    Parameters
    ----------
    content_id
        Unique in this coordinator's process.
    records
        With all digests filled in.
    """

    def __init__(self, content_id: int, records: Records) -> None:
        self.content_id = content_id
        self.records = records
        self.digests = frozenset(array.digest() for array in records.all_arrays())
        self.size_bytes = records.size_bytes()


def table_key(records: Records) -> bytes:
    """Tell contents apart: equal for records with the same names, values and digests."""
    return b"\0".join(r.SerializeToString(deterministic=True) for r in table_of(records))


def digested_records(content: RecordDict) -> Records:
    """Take a Flower content as records whose arrays all have their digest.

    A digest is computed once for each array and kept with Flower's `Array`, so that the model that
    a round evaluates is not hashed again when the next round trains it.

    Parameters
    ----------
    content
        Its bytes are shared, not copied.

    Returns
    -------
    Records
        In the content's order.
    """
    records = records_from_flower(content)
    for name, record in content.items():
        if isinstance(record, ArrayRecord):
            ours = records.arrays[name]
            for key, array in record.items():
                _fill_digest(array, ours[key])
    return records


def _fill_digest(array: Array, ours: ArrayBytes) -> None:
    # The bytes are compared by identity: whoever gives the array other bytes gets another digest.
    kept = array.__dict__.get(_DIGEST)
    if kept is not None and kept[0] is array.data:
        ours.sha256 = cast("bytes", kept[1])
        return
    array.__dict__[_DIGEST] = (array.data, ours.digest())


class SentArrays:
    """Which arrays one selector has: those of the newest content sent to it and of the one before.

    The selector keeps exactly these.
    """

    def __init__(self) -> None:
        self._newest: frozenset[bytes] = frozenset()
        self._before: frozenset[bytes] = frozenset()

    def payload(self, content: Content) -> tuple[fl_records_pb2.Payload, Iterator[memoryview]]:
        """Make the payload of a content for this selector, and count on its arrival.

        Parameters
        ----------
        content
            What goes out next on the selector's stream.

        Returns
        -------
        payload, chunks
            As `fedota_proto.records.to_payload` makes them.
        """
        made = to_payload(content.records, have=self._newest | self._before)
        self._before, self._newest = self._newest, content.digests
        return made
