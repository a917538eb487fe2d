"""What happens as JSON lines, for scripts: one object for each thing that changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from fedota_client.progress import Display
from fedota_client.worker_handle import Progress
from fedota_proto.v1 import fl_round_pb2 as pb

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode


class JsonDisplay(Display):
    """One JSON object a line, with ``event`` and ``unix_s`` first.

    Events: ``note`` (``text``), ``connection`` (``text``, ``good``), ``clock`` (the round clock),
    ``task``, ``progress``, ``idle``, ``outcome``.

    Parameters
    ----------
    write
        Takes one line, without its end.
    clock
        Seconds since 1970.
    """

    def __init__(
        self, write: Callable[[str], None], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._write = write
        self._now_s = clock

    def note(self, text: str) -> None:
        """Write the text."""
        self._event("note", text=text)

    def connection(self, text: str, *, good: bool = False) -> None:
        """Write how the connection stands."""
        self._event("connection", text=text, good=good)

    def clock(self, clock: pb.Clock) -> None:
        """Write where the problem stands."""
        self._event(
            "clock",
            server_round=clock.round.server_round,
            stage=clock.stage,
            rounds=clock.rounds,
            waiting=clock.waiting,
            cohort=clock.cohort,
            reported=clock.reported,
            goal=clock.goal,
            minimum=clock.minimum,
            closes_in_s=clock.closes_in_s,
        )

    def task(self, message_type: str, server_round: int) -> None:
        """Write which task begins."""
        self._event("task", message_type=message_type, server_round=server_round)

    def progress(self, progress: Progress) -> None:
        """Write where the work stands."""
        loss = progress.loss
        self._event(
            "progress",
            epoch=progress.epoch,
            epochs=progress.epochs,
            batch=progress.batch,
            batches=progress.batches,
            loss=loss if loss is None or abs(loss) < float("inf") else None,
        )

    def idle(self) -> None:
        """Write that the work has ended."""
        self._event("idle")

    def outcome(self, outcome: pb.Outcome) -> None:
        """Write what became of an update."""
        self._event(
            "outcome",
            server_round=outcome.round.server_round,
            message_type=outcome.message_type,
            outcome=pb.OutcomeKind.Name(outcome.kind),
            code=outcome.code,
            reason=outcome.reason,
            weight=outcome.weight,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the lines as they are."""

    def _event(self, event: str, **fields: Any) -> None:
        self._write(_encode({"event": event, "unix_s": round(self._now_s(), 3), **fields}))
