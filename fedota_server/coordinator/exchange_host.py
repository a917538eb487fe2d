"""What an exchange needs of the engine that carries it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from fedota_server.coordinator.exchange import Exchange
    from fedota_server.coordinator.link import SelectorLink
    from fedota_server.coordinator.membership import Session
    from fedota_server.coordinator.tasks import Entry, Task


class ExchangeHost(Protocol):
    """What an exchange needs of the engine."""

    def now(self) -> float:
        """Monotonic time in seconds."""

    def new_id(self) -> int:
        """Make a number that no task and no close of this or an earlier process bears."""

    def link(self, epoch: int) -> SelectorLink | None:
        """Return an attached epoch's stream."""

    def reachable(self, node_id: int) -> Session | None:
        """Return a node's session if its selector is attached."""

    def selector_order(self, epochs: Iterable[int]) -> list[int]:
        """Put epochs that have not ended into the selectors' fixed order."""

    def wake_at(self, exchange: Exchange, when: float) -> None:
        """Call `Exchange.consider` at this time, in place of any time asked for before."""

    def watch_close(self, exchange: Exchange) -> None:
        """End, after their bound, the epochs that a close still waits for."""

    def entered(self, exchange: Exchange, task: Task) -> None:
        """Note that a task belongs to this exchange."""

    def rejected(self, exchange: Exchange, task: Task, entry: Entry) -> None:
        """Tell a client and the record that its update was rejected."""

    def progress(self) -> None:
        """Note that the round clock has moved."""
