"""What a problem can be, and which wish leads from where."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from fedota_proto.errors import ConflictError


class Status(StrEnum):
    """A problem's status; the coordinator's own states bear the same words."""

    DRAFT = "draft"
    READY = "ready"
    RUNNING = "running"
    WAITING = "waiting for data holders"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    ARCHIVED = "archived"


PUBLISHED = frozenset(Status) - {Status.DRAFT}
TRAINING = frozenset({Status.RUNNING, Status.WAITING, Status.PAUSED})

# From which statuses something can be wished.
WISHES: Mapping[str, frozenset[Status]] = {
    "edit": frozenset({Status.DRAFT}),
    "delete": frozenset({Status.DRAFT}),
    "publish": frozenset({Status.DRAFT}),
    "start": frozenset({Status.READY}),
    "pause": frozenset({Status.RUNNING, Status.WAITING}),
    "resume": frozenset({Status.PAUSED, Status.FAILED}),
    "stop": frozenset({*TRAINING, Status.FAILED}),
    "roll back": frozenset({*TRAINING, Status.COMPLETED, Status.FAILED}),
    "scale": frozenset({Status.READY, *TRAINING, Status.FAILED}),
    "archive": frozenset({Status.READY, Status.COMPLETED, Status.FAILED}),
    "join": frozenset({Status.READY, *TRAINING, Status.FAILED}),
    "enrol clients in": frozenset({Status.READY, *TRAINING, Status.FAILED}),
}


def refuse_unless(wish: str, status: Status) -> None:
    """Let a wish pass that fits a problem's status.

    Raises
    ------
    ConflictError
        It does not; the message names the statuses in which it would.
    """
    if status not in WISHES[wish]:
        fits = " or ".join(sorted(WISHES[wish]))
        raise ConflictError(f"This problem is {status}: to {wish} it, it must be {fits}.")
