"""How a problem's rounds use the Grid: the cohort, and the terms on which messages go out."""

from __future__ import annotations

from dataclasses import dataclass

from fedota_proto.errors import InternalError
from fedota_proto.v1 import fl_records_pb2
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.grid import GridRules, Sending, Terms
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round, or its evaluation, whose cohort is fixed.

    Parameters
    ----------
    cohort
        The same list at every call until the next.
    evaluation
        Updates without arrays, forwarded.
    """

    key: RoundKey
    stage: RoundStage
    cohort: tuple[int, ...]
    deadline_s: float
    evaluation: bool = False


class RoundRules(GridRules):
    """The terms of a problem's rounds; used by the rounds' thread.

    Parameters
    ----------
    mean
        Whether selectors average training updates.
    expect
        The arrays of every training update, in order.
    """

    def __init__(self, *, mean: bool, expect: tuple[fl_records_pb2.ArraySpec, ...]) -> None:
        self._mean = mean
        self._expect = expect
        self._open: OpenRound | None = None
        self.exchange: Exchange | None = None

    def begin(self, opened: OpenRound) -> None:
        """Fix the cohort."""
        self._open, self.exchange = opened, None

    @property
    def open_round(self) -> OpenRound:
        """The open round.

        Raises
        ------
        InternalError
            There is none.
        """
        if self._open is None:
            raise InternalError("No round is open.")
        return self._open

    def node_ids(self) -> list[int]:
        """Name the cohort, even if members have left."""
        return list(self.open_round.cohort)

    def terms(self, sending: Sending, deadline_s: float | None, *, may_fold: bool) -> Terms:
        """Every message of the cohort, by the problem's own deadline."""
        opened = self.open_round
        train = not opened.evaluation
        return Terms(
            key=opened.key,
            stage=opened.stage,
            mean=self._mean and train and may_fold,
            checked=True,
            goal=min(opened.stage.goal, len(sending.messages)),
            minimum=opened.stage.minimum,
            deadline_s=opened.deadline_s,
            expect=self._expect if train else (),
        )

    def over(self, exchange: Exchange) -> None:
        """Keep the exchange for the round's report."""
        self.exchange = exchange

    def take_exchange(self) -> Exchange | None:
        """Return the round's exchange, which is over, and let go of it."""
        exchange, self.exchange = self.exchange, None
        return exchange
