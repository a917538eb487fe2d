"""Which commands wait for the coordinator, and what it answered."""

from __future__ import annotations

from collections import OrderedDict

from fedota_proto.v1 import fl_status_pb2 as pb

_ANSWERS_KEPT = 1_000


class CommandBook:
    """Commands by their id, with no clock and no wire of its own.

    A command waits until it is answered, over as many connections as that takes; the coordinator
    carries each id out once. One that is given again gets the answer that it got before.
    """

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, pb.Command] = OrderedDict()
        self._answers: OrderedDict[str, pb.CommandReply] = OrderedDict()

    def give(self, command: pb.Command) -> bool:
        """Take a command.

        Returns
        -------
        bool
            Whether it has to be sent now: false where it waits or is answered already.
        """
        if command.command_id in self._answers or command.command_id in self._waiting:
            return False
        self._waiting[command.command_id] = command
        return True

    def waiting(self) -> list[pb.Command]:
        """List what a new connection has to send, oldest first."""
        return list(self._waiting.values())

    def answered(self, reply: pb.CommandReply) -> bool:
        """Take an answer.

        Returns
        -------
        bool
            Whether a command waited for it.
        """
        if self._waiting.pop(reply.command_id, None) is None:
            return False
        self._answers[reply.command_id] = reply
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.popitem(last=False)
        return True

    def answer(self, command_id: str) -> pb.CommandReply | None:
        """Return the answer to a command, if there is one."""
        return self._answers.get(command_id)

    def withdraw(self, command_id: str) -> None:
        """Forget a command that nobody waits for any more, so that it is never carried out late."""
        self._waiting.pop(command_id, None)
