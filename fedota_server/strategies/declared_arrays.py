"""The wrapper between a problem's declared arrays and a strategy that trusts its input."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
from flwr.app import (
    ArrayRecord,
    ConfigRecord,
    Message,
    MetricRecord,
    MetricRecordValues,
    RecordDict,
)
from flwr.serverapp import Grid
from flwr.serverapp.exception import AggregationError, InconsistentMessageReplies
from flwr.serverapp.strategy import Strategy

from fedota_proto.errors import StrategyError, StreamError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_server.strategies.flower_arrays import (
    as_declared,
    for_strategy,
    picked,
    record_of,
    weighted_means,
)
from fedota_server.strategies.metric_means import mean_metrics
from fedota_server.strategies.state import restore_state, strategy_state

logger = logging.getLogger(__name__)

ARRAYS_KEY = "arrays"
CONFIG_KEY = "config"
METRICS_KEY = "metrics"
WEIGHT_KEY = "num-examples"

# Whatever Flower's strategies, and what reads their arrays, can raise about what they are given.
STRATEGY_FAILURES = (
    AggregationError,
    InconsistentMessageReplies,
    StreamError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    RuntimeError,
    TypeError,
    ValueError,
)


class DeclaredArrays(Strategy):
    """Hold a strategy to the arrays that the problem's manifest declares.

    Wraps another strategy in the way Flower's differential-privacy strategies do:

    - what the strategy sees is in the manifest's order, since FedAvgM, QFedAvg, Krum and Bulyan
      pair arrays by position;
    - with `average_non_trainables`, non-trainable arrays (BatchNormalization's statistics) never
      reach the strategy, whose server optimizer would drive a variance below zero: they become
      plain weighted means. Without, they go through it, since a plain mean would let one poisoner
      spoil them;
    - a training reply reaches the strategy with its weight alone, and the loss where the strategy
      uses it; metrics are averaged here, each over those who sent it;
    - what the strategy returns is cast to the declared dtypes, put in the declared order and must
      be finite. If it is not, or if the strategy raises or returns nothing, its state is what it
      was before, and `StrategyError` says what happened.

    Records are built anew in both directions; those of the strategy and of the replies are never
    changed.

    Parameters
    ----------
    strategy
        One of Flower's, unmodified.
    manifest
        The problem's arrays.
    average_non_trainables
        Keep non-trainable arrays from the strategy and average them.
    loss_key
        Name of the training loss that the strategy reads, empty if it reads none.
    """

    def __init__(
        self,
        strategy: Strategy,
        manifest: Manifest,
        *,
        average_non_trainables: bool,
        loss_key: str = "",
    ) -> None:
        self.strategy = strategy
        self.manifest = manifest
        self.loss_key = loss_key
        apart = [a for a in manifest.arrays if average_non_trainables and not a.trainable]
        self._averaged: tuple[ManifestArray, ...] = tuple(apart)
        self._through: tuple[ManifestArray, ...] = tuple(
            a for a in manifest.arrays if a not in self._averaged
        )
        self._name = type(strategy).__name__

    def __repr__(self) -> str:
        """Name the wrapper and what it wraps."""
        return f"DeclaredArrays({self.strategy!r})"

    def summary(self) -> None:
        """Log the wrapped strategy's configuration, and what does not reach it."""
        logger.info("%d arrays are averaged beside the strategy", len(self._averaged))
        self.strategy.summary()

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Have the strategy configure a round over its arrays; messages carry all of them.

        Parameters
        ----------
        server_round
            That of the checkpoint it starts from plus one.
        arrays
            The global model, every declared array, in any order.
        config
            Sent to the clients; the strategy adds its own keys.
        grid
            Names the cohort.

        Returns
        -------
        iterable of Message
            Messages that shared a content still share one.

        Raises
        ------
        StrategyError
            If an array is missing, or the strategy raises.
        """
        arrays = picked(arrays, self.manifest.arrays)
        with self._failures("configure round", server_round):
            given = for_strategy(arrays, self._through)
            messages = list(self.strategy.configure_train(server_round, given, config, grid))
        self._complete(messages, arrays)
        return messages

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord, MetricRecord]:
        """Aggregate a round's replies into the next model.

        Parameters
        ----------
        server_round
            As in `configure_train`.
        replies
            Single updates in the order they count in, or one folded reply.

        Returns
        -------
        tuple of ArrayRecord and MetricRecord
            Every declared array in declared order and dtype; each metric's weighted mean over
            those who sent it.

        Raises
        ------
        StrategyError
            The strategy is then as it was before the call.
        """
        before = strategy_state(self.strategy)
        try:
            return self._aggregate_train(server_round, list(replies))
        except StrategyError:
            restore_state(self.strategy, before)
            raise

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Have the strategy configure an evaluation of the whole model.

        Parameters
        ----------
        server_round, arrays, config, grid
            As in `configure_train`.

        Returns
        -------
        iterable of Message
            Carrying every declared array in declared order.

        Raises
        ------
        StrategyError
            If an array is missing, or the strategy raises.
        """
        ordered = picked(arrays, self.manifest.arrays)
        with self._failures("configure the evaluation of round", server_round):
            return list(self.strategy.configure_evaluate(server_round, ordered, config, grid))

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """Fold the replies into one with each metric's mean, and have the strategy take that.

        Parameters
        ----------
        server_round
            As in `configure_evaluate`.
        replies
            Metrics with weights; error replies do not count.

        Returns
        -------
        MetricRecord or None
            None if no client evaluated.

        Raises
        ------
        StrategyError
            If a reply is malformed, or the strategy raises.
        """
        with self._failures("aggregate the evaluation of round", server_round):
            reports = [_Report(reply) for reply in replies if reply.has_content()]
            if not reports:
                return None
            record = MetricRecord(dict(mean_metrics(r.sample for r in reports)))
            record[WEIGHT_KEY] = sum(r.weight for r in reports)
            folded = _reply_with(reports[0].reply, RecordDict({METRICS_KEY: record}))
            return self.strategy.aggregate_evaluate(server_round, [folded])

    def _aggregate_train(
        self, server_round: int, replies: list[Message]
    ) -> tuple[ArrayRecord, MetricRecord]:
        with self._failures("aggregate round", server_round):
            reports = [_Report(reply) for reply in replies if reply.has_content()]
            given = [self._for_strategy(report) for report in reports]
            errors = [reply for reply in replies if not reply.has_content()]
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                returned, _ = self.strategy.aggregate_train(server_round, [*given, *errors])
            if returned is None:
                raise StrategyError(
                    f"{self._name} returned no model in round {server_round} from "
                    f"{len(reports)} reports; the model is unchanged."
                )
            model = {
                **as_declared(returned, self._through, self._name),
                **weighted_means(self._averaged, [(r.arrays, r.weight) for r in reports]),
            }
            metrics = MetricRecord(dict(mean_metrics(report.sample for report in reports)))
        return record_of((name, model[name]) for name in self.manifest.names), metrics

    def _for_strategy(self, report: _Report) -> Message:
        """Rebuild a reply with the strategy's arrays, the weight, and the loss if it is used."""
        metrics = MetricRecord({WEIGHT_KEY: report.weight})
        if self.loss_key:
            metrics[self.loss_key] = report.metrics[self.loss_key]
        arrays = for_strategy(report.arrays, self._through)
        return _reply_with(report.reply, RecordDict({ARRAYS_KEY: arrays, METRICS_KEY: metrics}))

    def _complete(self, messages: Sequence[Message], arrays: ArrayRecord) -> None:
        """Put the model's own arrays into the messages in place of those the strategy was given."""
        # Contents are kept beside their replacements: an id may come again once its object is gone.
        done: dict[int, tuple[RecordDict, RecordDict]] = {}
        for message in messages:
            content = message.content
            if id(content) not in done:
                records = {k: arrays if k == ARRAYS_KEY else v for k, v in content.items()}
                done[id(content)] = content, RecordDict(records)
            message.content = done[id(content)][1]

    @contextmanager
    def _failures(self, doing: str, server_round: int) -> Iterator[None]:
        try:
            yield
        except STRATEGY_FAILURES as error:
            raise StrategyError(
                f"{self._name} could not {doing} {server_round}: {error}; the model is unchanged.",
                detail=repr(error),
            ) from error


class _Report:
    """A reply with content, taken apart: its arrays, its metrics and its weight."""

    __slots__ = ("arrays", "metrics", "reply", "weight")

    def __init__(self, reply: Message) -> None:
        self.reply = reply
        self.arrays: ArrayRecord = next(iter(reply.content.array_records.values()), ArrayRecord())
        (record,) = reply.content.metric_records.values()
        weight = record[WEIGHT_KEY]
        if isinstance(weight, list) or not weight > 0:
            raise ValueError(f"{WEIGHT_KEY} is {weight!r}, not a number above 0")
        self.weight: float | int = weight
        self.metrics = {name: value for name, value in record.items() if name != WEIGHT_KEY}

    @property
    def sample(self) -> tuple[Mapping[str, MetricRecordValues], float]:
        """What `mean_metrics` takes."""
        return self.metrics, self.weight


def _reply_with(reply: Message, content: RecordDict) -> Message:
    changed = copy.copy(reply)
    changed.content = content
    return changed
