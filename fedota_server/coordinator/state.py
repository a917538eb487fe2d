"""The state of a problem: running, waiting for data holders, paused, completed, failed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from fedota_proto.credential import write_secret
from fedota_proto.errors import FolderError
from fedota_proto.v1 import fl_status_pb2
from fedota_server.coordinator.events import Events

_log = logging.getLogger(__name__)


class State(StrEnum):
    """What people see; only the last three survive a restart as they are."""

    RUNNING = "running"
    WAITING = "waiting for data holders"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Standing:
    """A state and why; `failure_id` names a failure in the log."""

    state: State
    reason: str = ""
    failure_id: str = ""

    @property
    def held(self) -> bool:
        """Whether no round begins."""
        return self.state in (State.PAUSED, State.COMPLETED, State.FAILED)


class ProblemState:
    """Keeps the state in the problem's folder, and reports every change.

    Used in the event loop alone.

    Parameters
    ----------
    path
        A small JSON file.
    events
        Takes the changes.
    on_change
        Called after each.

    Raises
    ------
    FolderError
        The file is damaged.
    """

    def __init__(self, path: Path, events: Events, on_change: Callable[[], None]) -> None:
        self._path = path
        self._events = events
        self._on_change = on_change
        self._standing = self._read()

    def _read(self) -> Standing:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            return Standing(State(kept["state"]), kept["reason"], kept["failure_id"])
        except FileNotFoundError:
            return Standing(State.RUNNING)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FolderError(
                f"{self._path} is damaged: remove it, and the problem goes on as running.",
                detail=repr(error),
            ) from error

    @property
    def now(self) -> Standing:
        """The present state."""
        return self._standing

    def enter(self, standing: Standing) -> None:
        """Change the state; the same again changes nothing.

        Raises
        ------
        FolderError
            The folder cannot be written.
        """
        before, self._standing = self._standing, standing
        if standing == before:
            return
        if standing.held or before.held:
            kept = {
                "state": standing.state if standing.held else State.RUNNING,
                "reason": standing.reason,
                "failure_id": standing.failure_id,
            }
            write_secret(self._path, json.dumps(kept).encode())
        _log.info("the problem is %s%s", standing.state, _because(standing.reason))
        changed = fl_status_pb2.StateChanged(
            state=standing.state, reason=standing.reason, failure_id=standing.failure_id
        )
        self._events.append(fl_status_pb2.Event(state=changed))
        self._on_change()


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""
