"""The rounds of a problem: our own loop over the four methods of Flower's strategies.

Runs in a thread of its own, where strategies may block; whatever belongs to the event loop is
asked of it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord
from flwr.serverapp.strategy import Strategy

from fedota_proto.errors import CheckpointError, FedotaError, RoundAbandonedError, StrategyError
from fedota_proto.flower import records_to_flower
from fedota_proto.problem import Problem
from fedota_proto.records import ArrayBytes, Arrays, Records
from fedota_proto.v1 import fl_round_pb2, fl_status_pb2
from fedota_server.coordinator.checkpoints import Checkpoint, CheckpointStore
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.grid import SelectorGrid
from fedota_server.coordinator.history import EvaluationRow, History, RollBackRow, RoundRow
from fedota_server.coordinator.orders import Orders, RollBack, ShutDown, Stop
from fedota_server.coordinator.report import (
    entries_of,
    evaluated,
    round_ended,
    round_row,
    totals_of,
)
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_rules import OpenRound, RoundRules
from fedota_server.coordinator.round_stage import RoundStage, Stage
from fedota_server.coordinator.round_view import EVALUATION, RoundView
from fedota_server.coordinator.selection import SelectionRules
from fedota_server.coordinator.state import ProblemState, Standing, State
from fedota_server.strategies.state import restore_state, strategy_state

_log = logging.getLogger(__name__)

ASK_LOOP_S = 600.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class RoundsParts:
    """What the rounds work with."""

    problem: Problem
    strategy: Strategy
    engine: Engine
    grid: SelectorGrid
    rules: RoundRules
    view: RoundView
    state: ProblemState
    orders: Orders
    store: CheckpointStore
    history: History


class Rounds:
    """Trains a problem round by round, from its newest checkpoint to its last round.

    The round number that the strategy sees is that of the checkpoint it starts from plus one, also
    in a repetition. A round is completed when its checkpoint is written, whatever its evaluation
    brings; an abandoned one leaves model and strategy as they were.

    Parameters
    ----------
    parts
        Of this problem.
    read_initial
        Reads the model as its setter published it, in the manifest's order.
    """

    def __init__(self, parts: RoundsParts, read_initial: Callable[[], Arrays]) -> None:
        self._parts = parts
        self._loop = parts.engine.loop
        self._read_initial = read_initial
        self._arrays = ArrayRecord()
        self._generation = 0
        self._round = 0
        self._abandoned = 0
        self._waits_since_round = 0

    @property
    def completed_round(self) -> int:
        """The newest completed round; other threads may read it."""
        return self._round

    # The event loop, asked from this thread.

    def _ask(self, coroutine: Coroutine[Any, Any, _T], timeout_s: float = ASK_LOOP_S) -> _T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    def _do(self, call: Callable[[], _T]) -> _T:
        async def there() -> _T:
            return call()

        return self._ask(there())

    def _tell(self, call: Callable[..., object], *arguments: object) -> None:
        self._loop.call_soon_threadsafe(call, *arguments)

    def _event(self, event: fl_status_pb2.Event) -> None:
        self._tell(self._parts.engine.events.append, event)

    def _enter(self, state: State, reason: str = "", failure_id: str = "") -> None:
        self._do(lambda: self._parts.state.enter(Standing(state, reason, failure_id)))

    # The loop.

    def begin(self) -> None:
        """Load the newest checkpoint, or make that of round 0.

        Raises
        ------
        CheckpointError
            None of the checkpoints can be gone on from, or none can be written.
        """
        parts = self._parts
        checkpoint = parts.store.latest()
        if checkpoint is None:
            checkpoint = Checkpoint(
                generation=0,
                server_round=0,
                arrays=self._read_initial(),
                strategy_state=strategy_state(parts.strategy),
                created_unix_s=time.time(),
            )
            parts.store.save(checkpoint)
        if checkpoint.generation > 0:
            opened = RollBackRow(
                generation=checkpoint.generation,
                to_round=checkpoint.base_round,
                at_unix_s=checkpoint.created_unix_s,
            )
            if parts.history.ensure_roll_back(opened):
                self._report_roll_back(opened)
        if checkpoint.row is not None and parts.history.ensure(checkpoint.row):
            self._event(round_ended(checkpoint.row))
        self._take(checkpoint)

    def _take(self, checkpoint: Checkpoint) -> None:
        if checkpoint.strategy_state is not None:
            restore_state(self._parts.strategy, checkpoint.strategy_state)
        content = records_to_flower(Records(arrays={"arrays": checkpoint.arrays}))
        self._arrays = content.array_records["arrays"]
        self._generation, self._round = checkpoint.generation, checkpoint.server_round
        self._abandoned = 0

    def run(self) -> None:
        """Carry out orders and rounds until the process shuts down."""
        while True:
            order = self._parts.orders.next()
            if isinstance(order, ShutDown):
                return
            if isinstance(order, RollBack):
                self._roll_back(order)
            elif isinstance(order, Stop):
                self._finish(f"It was stopped after round {self._round}.")
                order.done.set_result(f"The problem ends with round {self._round}.")
            elif self._round >= self._parts.problem.rounds.rounds:
                self._finish(f"All {self._round} rounds are completed.")
            else:
                self._next_round()

    def _finish(self, reason: str) -> None:
        self._parts.orders.hold()
        finished = fl_round_pb2.Finished(reason=reason, server_round=self._round)
        self._ask(self._parts.engine.drain())
        self._do(self._parts.engine.unblock)
        self._enter(State.COMPLETED, reason)
        self._do(lambda: self._parts.engine.roster.finish(finished))

    def _roll_back(self, order: RollBack) -> None:
        parts = self._parts
        try:
            checkpoint = parts.store.roll_back(order.to_round, created_unix_s=time.time())
        except CheckpointError as error:
            self._do(parts.engine.unblock)
            order.done.set_exception(error)
            return
        opened = RollBackRow(
            generation=checkpoint.generation,
            to_round=order.to_round,
            at_unix_s=checkpoint.created_unix_s,
        )
        parts.history.append(opened)
        self._take(checkpoint)
        self._report_roll_back(opened)
        if self._do(lambda: parts.state.now.state) in (State.COMPLETED, State.FAILED):
            self._enter(State.PAUSED, f"It was rolled back to round {order.to_round}.")
            message = f"Rolled back to round {order.to_round}; resume to go on from there."
        else:
            message = f"Rolled back: the next round is {order.to_round + 1}."
        self._do(parts.engine.unblock)
        order.done.set_result(message)

    def _report_roll_back(self, opened: RollBackRow) -> None:
        rolled_back = fl_status_pb2.RolledBack(
            generation=opened.generation, to_round=opened.to_round
        )
        self._event(fl_status_pb2.Event(rolled_back=rolled_back))

    # One round.

    def _next_round(self) -> None:
        parts = self._parts
        rules = parts.problem.rounds
        server_round = self._round + 1
        attempt = parts.history.next_attempt(self._generation, server_round)
        key = RoundKey(self._generation, server_round, attempt)
        stage = RoundStage(
            goal=rules.goal_count, minimum=rules.minimum_reports, now=time.monotonic()
        )
        try:
            cohort = self._select(key)
        except RoundAbandonedError as error:
            self._selection_abandoned(key, stage, error)
            return
        self._waits_since_round = 0
        stage.configure(time.monotonic())
        if self._do(lambda: parts.state.now.state) is State.WAITING:
            self._enter(State.RUNNING)
        self._tell(parts.view.enter, key, str(Stage.CONFIGURATION), len(cohort))
        parts.rules.begin(OpenRound(key, stage, tuple(cohort), rules.reporting_deadline_s))
        try:
            arrays, metrics = self._train(key)
        except (RoundAbandonedError, StrategyError) as error:
            self._abandoned_after_selection(key, stage, len(cohort), error)
            return
        self._complete(key, stage, len(cohort), arrays, metrics)

    def _select(self, key: RoundKey) -> list[int]:
        rules = self._parts.problem.rounds
        self._tell(self._parts.view.enter, key, str(Stage.SELECTION), 0)
        return self._ask(
            self._parts.engine.room.select(
                SelectionRules(
                    goal_count=rules.goal_count,
                    admitted_max=rules.admitted_max,
                    minimum_reports=rules.minimum_reports,
                    timeout_s=rules.selection_timeout_s,
                    settle_s=rules.settle_s,
                )
            ),
            rules.selection_timeout_s + ASK_LOOP_S,
        )

    def _selection_abandoned(
        self, key: RoundKey, stage: RoundStage, error: RoundAbandonedError
    ) -> None:
        """Try again; only the first such attempt in a row is written down."""
        parts = self._parts
        if parts.orders.ordered(error) or parts.engine.stopped:
            return
        _log.info("%s: waiting for data holders: %s", key, error.public_message)
        self._waits_since_round += 1
        if self._waits_since_round == 1:
            ended_in = stage.abandon(time.monotonic())
            row = self._row(key, stage, None, 0, {}, error.public_message, str(ended_in))
            self._write_down(row)
        minimum = parts.problem.rounds.minimum_reports
        self._enter(
            State.WAITING, f"A round needs at least {minimum} data holders that are connected."
        )

    def _train(self, key: RoundKey) -> tuple[ArrayRecord, dict[str, float]]:
        parts = self._parts
        strategy, server_round = parts.strategy, key.server_round
        messages = strategy.configure_train(server_round, self._arrays, ConfigRecord(), parts.grid)
        opened = parts.rules.open_round
        self._tell(parts.view.enter, key, str(Stage.REPORTING), len(opened.cohort))
        replies = parts.grid.send_and_receive(messages)
        arrays, metrics = strategy.aggregate_train(server_round, replies)
        if arrays is None:
            raise StrategyError("The strategy returned no model; the model is unchanged.")
        return arrays, numbers(metrics)

    def _abandoned_after_selection(
        self, key: RoundKey, stage: RoundStage, admitted: int, error: FedotaError
    ) -> None:
        parts = self._parts
        if parts.engine.stopped:
            return  # the process ends: the round is as if it had been killed
        exchange = parts.rules.take_exchange()
        ended_in = stage.abandon(time.monotonic())
        _log.warning("%s is abandoned: %s", key, error.public_message)
        row = self._row(key, stage, exchange, admitted, {}, error.public_message, str(ended_in))
        self._write_down(row)
        self._settle(exchange, error.public_message)
        if parts.orders.ordered(error):
            return
        self._abandoned += 1
        most = parts.problem.rounds.abandoned_attempts_max
        if self._abandoned >= most:
            self._fail(
                f"{self._abandoned} attempts at round {key.server_round} in a row were abandoned; "
                f"the last: {error.public_message}",
                error.detail,
            )

    def _fail(self, reason: str, detail: str) -> None:
        failure_id = secrets.token_hex(4)
        _log.error("failure %s: %s (%s)", failure_id, reason, detail)
        self._parts.orders.hold()
        self._abandoned = 0
        self._enter(State.FAILED, reason, failure_id)

    def _settle(self, exchange: Exchange | None, abandoned_because: str = "") -> None:
        if exchange is not None:
            completed = not abandoned_because
            engine = self._parts.engine
            self._do(lambda: engine.settle(exchange, completed=completed, reason=abandoned_because))

    def _row(
        self,
        key: RoundKey,
        stage: RoundStage,
        exchange: Exchange | None,
        admitted: int,
        metrics: dict[str, float],
        reason: str = "",
        abandoned_in: str = "",
    ) -> RoundRow:
        return round_row(
            key,
            stage,
            exchange,
            ended_unix_s=time.time(),
            admitted=admitted,
            metrics=metrics,
            reason=reason,
            abandoned_in=abandoned_in,
        )

    def _write_down(self, row: RoundRow) -> None:
        self._parts.history.append(row)
        self._event(round_ended(row))

    def _complete(
        self,
        key: RoundKey,
        stage: RoundStage,
        admitted: int,
        arrays: ArrayRecord,
        metrics: dict[str, float],
    ) -> None:
        """Write the checkpoint: from then on the round counts."""
        parts = self._parts
        exchange = parts.rules.take_exchange()
        stage.complete(time.monotonic())
        row = self._row(key, stage, exchange, admitted, metrics)
        checkpoint = Checkpoint(
            generation=key.generation,
            server_round=key.server_round,
            arrays=array_bytes(arrays),
            strategy_state=strategy_state(parts.strategy),
            metrics=metrics,
            row=row,
            created_unix_s=row.ended_unix_s,
        )
        try:
            parts.store.save(checkpoint)
        except CheckpointError as error:
            self._settle(exchange, error.public_message)
            self._go_back(error)
            return
        self._arrays, self._round, self._abandoned = arrays, key.server_round, 0
        self._write_down(row)
        counted = totals_of(exchange).nodes if exchange is not None else ()
        self._settle(exchange)
        del exchange, checkpoint, arrays  # their arrays are those of the round before
        _log.info("%s is completed: %d reports of %d admitted", key, len(counted), admitted)
        self._evaluate(key, counted)

    def _go_back(self, error: CheckpointError) -> None:
        """Fail where a checkpoint cannot be written, with the one before it in place."""
        checkpoint = self._parts.store.latest()
        if checkpoint is None:
            raise error
        self._take(checkpoint)
        self._fail(error.public_message, error.detail)

    # The evaluation.

    def _evaluate(self, key: RoundKey, counted: tuple[int, ...]) -> None:
        """Have the round's clients evaluate its model; whatever happens, the round stands."""
        parts = self._parts
        cohort = self._do(lambda: self._evaluators(counted))
        if not cohort:
            return
        stage = RoundStage(goal=len(cohort), minimum=0, now=time.monotonic())
        stage.configure(time.monotonic())
        deadline_s = parts.problem.rounds.evaluation_deadline_s
        parts.rules.begin(OpenRound(key, stage, tuple(cohort), deadline_s, evaluation=True))
        self._tell(parts.view.enter, key, EVALUATION, len(cohort))
        metrics: dict[str, float] = {}
        try:
            messages = parts.strategy.configure_evaluate(
                key.server_round, self._arrays, ConfigRecord(), parts.grid
            )
            replies = parts.grid.send_and_receive(messages)
            metrics = numbers(parts.strategy.aggregate_evaluate(key.server_round, replies))
        except (RoundAbandonedError, StrategyError) as error:
            _log.warning("%s has no evaluation: %s", key, error.public_message)
        exchange = parts.rules.take_exchange()
        if exchange is not None and not parts.engine.stopped:
            self._write_evaluation(key, exchange, metrics)

    def _evaluators(self, counted: tuple[int, ...]) -> list[int]:
        sessions = [self._parts.engine.reachable(node_id) for node_id in counted]
        return [s.node_id for s in sessions if s is not None and not s.no_evaluation]

    def _write_evaluation(
        self, key: RoundKey, exchange: Exchange, metrics: dict[str, float]
    ) -> None:
        parts = self._parts
        totals = totals_of(exchange)
        row = EvaluationRow(
            generation=key.generation,
            server_round=key.server_round,
            attempt=key.attempt,
            ended_unix_s=time.time(),
            metrics=metrics,
            clients=totals.reported,
            weight=totals.weight,
            entries=entries_of(exchange, completed=True),
        )
        parts.history.append(row)
        self._event(evaluated(row))
        self._settle(exchange)


def numbers(metrics: MetricRecord | None) -> dict[str, float]:
    """Take the plain numbers of a metric record.

    Parameters
    ----------
    metrics
        Lists in it are left out.
    """
    if metrics is None:
        return {}
    return {name: float(v) for name, v in metrics.items() if isinstance(v, int | float)}


def array_bytes(arrays: ArrayRecord) -> Arrays:
    """Take Flower's arrays as ours, without a copy."""
    return {
        name: ArrayBytes(array.dtype, tuple(array.shape), array.stype, array.data)
        for name, array in arrays.items()
    }
