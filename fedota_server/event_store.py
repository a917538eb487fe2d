"""Where the events of a problem's coordinator go: the interface, and an event as a line of JSON."""

from __future__ import annotations

import abc
import json

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from fedota_proto.v1 import fl_status_pb2 as pb


def event_to_line(event: pb.Event) -> str:
    """Write an event as one line of JSON."""
    fields = MessageToDict(event, preserving_proto_field_name=True)
    return json.dumps(fields, separators=(",", ":"))


def event_from_line(line: str | bytes) -> pb.Event:
    """Read what `event_to_line` wrote.

    Raises
    ------
    ValueError
        The line is damaged.
    """
    try:
        return ParseDict(json.loads(line), pb.Event(), ignore_unknown_fields=True)
    except ParseError as error:
        raise ValueError(str(error)) from error


class EventStore(abc.ABC):
    """Keeps the events of one coordinator in the order of their numbers, each number once.

    Belongs to one event loop. `append` takes an event in; `sync` waits until all that was taken in
    survives a power cut, and only then may it be acknowledged.

    Attributes
    ----------
    last_seq
        The newest number that was taken in; 0 before the first.
    synced_seq
        The number up to which events may be acknowledged.
    """

    last_seq: int
    synced_seq: int

    @abc.abstractmethod
    async def begin(self, last_seq: int) -> None:
        """Take note of the newest number that the coordinator has given.

        A number below ours means that its folder was made anew and that it counts from 1 again:
        what is stored is then set aside, and counting begins anew here too.

        Raises
        ------
        FedotaError
            What is stored cannot be read or set aside.
        """

    @abc.abstractmethod
    def append(self, event: pb.Event) -> bool:
        """Take an event in unless its number was taken in already.

        Returns
        -------
        bool
            Whether it was new.

        Raises
        ------
        FedotaError
            It cannot be written.
        """

    @abc.abstractmethod
    async def sync(self) -> int:
        """Have everything that was taken in so far stored for good.

        Returns
        -------
        int
            `synced_seq`.

        Raises
        ------
        FedotaError
            It cannot be.
        """
