"""What the rounds' thread is to do next, said from the event loop."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field

from fedota_proto.errors import FedotaError, RoundAbandonedError

WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class TrainRound:
    """Attempt the next round."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End with the last checkpoint."""

    done: Future[str] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class RollBack:
    """Open a new generation from an earlier round."""

    to_round: int
    done: Future[str] = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class ShutDown:
    """End the thread; the process stops."""


Order = TrainRound | Stop | RollBack | ShutDown


class Orders:
    """A queue of one reader, the rounds' thread, which also waits here while rounds are held.

    Parameters
    ----------
    held
        Whether no round begins at first.
    """

    def __init__(self, *, held: bool) -> None:
        self._changed = threading.Condition()
        self._held = held
        self._shut_down = False
        self._commands: deque[Stop | RollBack] = deque()
        self._interruption: FedotaError | None = None

    def hold(self) -> None:
        """Begin no round until `release`."""
        with self._changed:
            self._held = True

    def release(self) -> None:
        """Go on with rounds."""
        with self._changed:
            self._held = False
            self._changed.notify()

    def give(self, command: Stop | RollBack) -> None:
        """Have something done before the next round."""
        with self._changed:
            self._commands.append(command)
            self._changed.notify()

    def shut_down(self) -> None:
        """End the thread before anything else."""
        with self._changed:
            self._shut_down = True
            self._changed.notify()

    def next(self) -> Order:
        """Wait for what is to be done; called by the rounds' thread.

        Returns
        -------
        Order
            A command before a round; a round only while none is held.
        """
        with self._changed:
            while True:
                if self._shut_down:
                    return ShutDown()
                if self._commands:
                    return self._commands.popleft()
                if not self._held:
                    return TrainRound()
                self._changed.wait(WAIT_S)

    def interruption(self, reason: str) -> FedotaError:
        """Make the error that ends an open round by order, not by failure."""
        error = RoundAbandonedError(reason)
        with self._changed:
            self._interruption = error
        return error

    def ordered(self, error: FedotaError) -> bool:
        """Whether this error was made by `interruption`."""
        with self._changed:
            return error is self._interruption
