"""The coordinator, whole, that kills itself at one point: ``DIES_AT=<point>:<server round>``.

Points: a stage's name (at its beginning), ``aggregated`` (before the checkpoint is written),
``saved`` (after it, before the history), ``written`` (after the history, before any outcome).
"""

from __future__ import annotations

import os
import signal
from typing import Any

from fedota_server.coordinator.checkpoints import Checkpoint, CheckpointStore
from fedota_server.coordinator.history import History
from fedota_server.coordinator.history_rows import RoundRow
from fedota_server.coordinator.main import main
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_view import RoundView

POINT, _, _ROUND = os.environ.get("DIES_AT", ":0").partition(":")
ROUND = int(_ROUND)


def _pass(point: str, server_round: int) -> None:
    if (point, server_round) == (POINT, ROUND):
        os.kill(os.getpid(), signal.SIGKILL)


def arm() -> None:
    """Put the point where it belongs."""
    save, append, enter = CheckpointStore.save, History.append, RoundView.enter

    def saves(self: CheckpointStore, checkpoint: Checkpoint) -> None:
        _pass("aggregated", checkpoint.server_round)
        save(self, checkpoint)
        _pass("saved", checkpoint.server_round)

    def appends(self: History, row: Any) -> None:
        append(self, row)
        if isinstance(row, RoundRow) and row.completed:
            _pass("written", row.server_round)

    def enters(self: RoundView, key: RoundKey, stage: str, cohort: int = 0) -> None:
        _pass(stage, key.server_round)
        enter(self, key, stage, cohort)

    for cls, name, method in (
        (CheckpointStore, "save", saves),
        (History, "append", appends),
        (RoundView, "enter", enters),
    ):
        setattr(cls, name, method)


if __name__ == "__main__":
    arm()
    main()
