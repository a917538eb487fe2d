"""The contents that tasks share, kept once and fanned out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from fedota_proto.errors import StreamError
from fedota_proto.records import ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb

KEPT = 2


@dataclass(frozen=True, slots=True)
class Parcel:
    """A content as it goes to clients that have the same of its arrays.

    Parameters
    ----------
    payload
        Records, and the arrays' bytes where they are few.
    chunks
        Makes the rest, once for every client; each chunk views the one copy, or joins the ends of
        several arrays only while it is sent.
    """

    payload: records_pb.Payload
    chunks: Callable[[], Iterator[memoryview]]


@dataclass(slots=True)
class Content:
    """Records that many tasks share.

    Parameters
    ----------
    content_id
        The coordinator's number of it.
    records
        None until the last byte has come.
    """

    content_id: int
    records: Records | None = None
    digests: frozenset[bytes] = frozenset()
    _parcels: dict[frozenset[bytes], Parcel] = field(default_factory=dict)
    _waiting: list[Callable[[], None]] = field(default_factory=list)

    def when_whole(self, call: Callable[[], None]) -> None:
        """Call now if everything has come, else as soon as it has."""
        if self.records is not None:
            call()
        else:
            self._waiting.append(call)

    def complete(self, records: Records) -> None:
        """Take the whole content in, and make the calls that wait for it."""
        self.records = records
        self.digests = frozenset(array.sha256 for array in records.all_arrays() if array.sha256)
        waiting, self._waiting = self._waiting, []
        for call in waiting:
            call()

    def parcel(self, have: frozenset[bytes]) -> Parcel:
        """Pack it for clients that have these arrays already.

        Parameters
        ----------
        have
            Digests, of this content's arrays or of any.

        Returns
        -------
        Parcel
            Shared by all clients that have the same.

        Raises
        ------
        StreamError
            The content has not come whole.
        """
        records = self.records
        if records is None:
            raise StreamError("A content was to be sent before it had come.")
        held = have & self.digests
        parcel = self._parcels.get(held)
        if parcel is None:
            payload, rest = to_payload(records, have=held)
            inline = next(rest, None) is None

            def chunks() -> Iterator[memoryview]:
                return iter(()) if inline else to_payload(records, have=held)[1]

            parcel = self._parcels[held] = Parcel(payload, chunks)
        return parcel


class ContentStore:
    """The newest content and the one before, with whatever is still arriving."""

    def __init__(self) -> None:
        self._kept: deque[Content] = deque(maxlen=KEPT)
        self._arriving: dict[int, tuple[Content, PayloadReader]] = {}
        self._expected: dict[int, Content] = {}

    def get(self, content_id: int) -> Content | None:
        """Return a content that is kept or arriving."""
        for content in self._kept:
            if content.content_id == content_id:
                return content
        return self._expected.get(content_id)

    def known(self) -> dict[bytes, ArrayBytes]:
        """Map the digests of all arrays kept to the arrays."""
        return {
            array.sha256: array
            for content in self._kept
            if content.records is not None
            for array in content.records.all_arrays()
            if array.sha256
        }

    def begin(self, message: intra.Content) -> None:
        """Begin to take a content in; it may be whole already.

        Raises
        ------
        StreamError
            It is malformed, or counts on an array that is not kept here.
        """
        reader = PayloadReader(message.payload, known=self.known())
        content = Content(message.content_id)
        if reader.missing_bytes:
            self._arriving[message.transfer_id] = content, reader
            self._expected[message.content_id] = content
        else:
            self._finish(content, reader)

    def feed(self, transfer_id: int, data: memoryview) -> None:
        """Take in the next chunk of a transfer.

        Raises
        ------
        StreamError
            The transfer is unknown, or longer than it said.
        """
        arriving = self._arriving.get(transfer_id)
        if arriving is None:
            raise StreamError(f"A chunk came for transfer {transfer_id}, which is unknown.")
        content, reader = arriving
        reader.feed(data)
        if not reader.missing_bytes:
            del self._arriving[transfer_id]
            del self._expected[content.content_id]
            self._finish(content, reader)

    def break_off(self) -> None:
        """Forget what was arriving: its stream is gone."""
        self._arriving.clear()
        self._expected.clear()

    def _finish(self, content: Content, reader: PayloadReader) -> None:
        records = reader.finish()
        self._kept.append(content)
        content.complete(records)
