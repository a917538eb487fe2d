"""A Flower app, unmodified, on our Grid: it keeps its own loop."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import Counter

from fedota_proto.errors import UsageError
from fedota_proto.running_mean import MEAN_DTYPES
from fedota_proto.v1 import fl_records_pb2
from fedota_proto.v1 import fl_status_pb2 as status_pb
from fedota_server.coordinator import flower_private
from fedota_server.coordinator.app_folder import AppFolder
from fedota_server.coordinator.contents import Content
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.exchange import Exchange
from fedota_server.coordinator.grid import GridRules, SelectorGrid, Sending, Terms
from fedota_server.coordinator.report import totals_of
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.round_stage import RoundStage
from fedota_server.coordinator.round_view import RoundView
from fedota_server.coordinator.state import ProblemState, Standing, State

_log = logging.getLogger(__name__)

GATHER_AGAIN_S = 15.0
ROUND_KEY = "server-round"


class AppRules(GridRules):
    """An app's use of the Grid: all nodes that are connected, every message sent is the goal.

    Parameters
    ----------
    engine, view, state
        The event loop's side.
    nodes
        How many nodes the app was started for.
    mean
        Whether training replies are folded.
    """

    def __init__(
        self, engine: Engine, view: RoundView, state: ProblemState, *, nodes: int, mean: bool
    ) -> None:
        self._engine = engine
        self._view = view
        self._state = state
        self._nodes = nodes
        self._mean = mean
        self._lock = threading.Lock()
        self._fixed: list[int] | None = None
        self._open = 0
        self._attempts: Counter[tuple[int, str]] = Counter()
        self._sends = 0
        self._main = 0

    def begin(self) -> None:
        """Note the thread of the app's own loop: it is the one that may be kept waiting."""
        self._main = threading.get_ident()

    def node_ids(self) -> list[int]:
        """Name all connected nodes, once as many are there as the app was started for.

        The list stays the same until the replies to the messages sent next are in: Flower's
        strategies ask twice, and would wait for ever for a node that vanished in between. Other
        threads (apps of the old kind look for new nodes in one) are answered at once.
        """
        with self._lock:
            if self._fixed is not None:
                return list(self._fixed)
        if threading.get_ident() != self._main:
            return self._connected()
        nodes = self._gather()
        with self._lock:
            if self._fixed is None:
                self._fixed = nodes
            return list(self._fixed)

    def _connected(self) -> list[int]:
        async def there() -> list[int]:
            return self._engine.room.connected()

        future = asyncio.run_coroutine_threadsafe(there(), self._engine.loop)
        return future.result(GATHER_AGAIN_S)

    def _gather(self) -> list[int]:
        loop = self._engine.loop
        waited = False
        while True:
            gathering = self._engine.room.gather(self._nodes, GATHER_AGAIN_S)
            try:
                nodes = asyncio.run_coroutine_threadsafe(gathering, loop).result(2 * GATHER_AGAIN_S)
            except TimeoutError:
                waited = True
                _log.info(
                    "%d of %d nodes are connected: waiting", len(self._connected()), self._nodes
                )
                reason = f"The app begins when {self._nodes} nodes are connected."
                loop.call_soon_threadsafe(self._state.enter, Standing(State.WAITING, reason))
                continue
            if waited:
                loop.call_soon_threadsafe(self._state.enter, Standing(State.RUNNING))
            return nodes

    def terms(self, sending: Sending, deadline_s: float | None, *, may_fold: bool) -> Terms:
        """Every message is wanted; what is missing at the deadline comes back as an error."""
        contents = [content for content, _ in sending.batches]
        expect: tuple[fl_records_pb2.ArraySpec, ...] = ()
        if self._mean and may_fold and sending.message_type.partition(".")[0] == "train":
            expect = folded_specs(contents)
        count = len(sending.messages)
        stage = RoundStage(goal=count, minimum=0, now=time.monotonic())
        stage.configure(time.monotonic())
        with self._lock:
            self._open += 1
            self._sends += 1
            server_round = round_of(contents) or self._sends
            self._attempts[server_round, sending.message_type] += 1
            attempt = self._attempts[server_round, sending.message_type]
        key = RoundKey(0, server_round, attempt)
        self._engine.loop.call_soon_threadsafe(self._view.show, key, sending.message_type, count)
        return Terms(
            key=key,
            stage=stage,
            mean=bool(expect),
            checked=bool(expect),
            goal=count,
            minimum=0,
            deadline_s=deadline_s if deadline_s is not None else 0.0,
            expect=expect,
            settle_at_once=True,
        )

    def over(self, exchange: Exchange) -> None:
        """Let the next question see who is connected then, and report the exchange."""
        with self._lock:
            self._open -= 1
            if not self._open:
                self._fixed = None
        totals = totals_of(exchange)
        key, category = exchange.plan.key, exchange.plan.message_type.partition(".")[0]
        if category == "train":
            ended = status_pb.RoundEnded(
                round=key.to_proto(),
                completed=True,
                admitted=len(exchange.book),
                reported=totals.reported,
                failed=totals.failed,
                rejected=totals.rejected,
                weight=totals.weight,
                received_bytes=totals.received_bytes,
                sent_bytes=exchange.sent_bytes,
            )
            self._engine.events.append(status_pb.Event(round=ended))
        elif category == "evaluate":
            evaluated = status_pb.Evaluated(
                round=key.to_proto(), clients=totals.reported, weight=totals.weight
            )
            self._engine.events.append(status_pb.Event(evaluated=evaluated))


def folded_specs(contents: list[Content]) -> tuple[fl_records_pb2.ArraySpec, ...]:
    """Take what updates must bring from what their messages carry.

    Parameters
    ----------
    contents
        Of training messages that are sent together.

    Returns
    -------
    tuple of ArraySpec
        Names, dtypes and shapes, in order; empty if a content has no arrays, more than one array
        record, or other arrays than another content: such replies are forwarded.

    Raises
    ------
    UsageError
        The arrays are of a dtype that has no mean.
    """
    found: set[tuple[tuple[str, str, tuple[int, ...]], ...]] = set()
    for content in contents:
        if len(content.records.arrays) != 1:
            return ()
        (arrays,) = content.records.arrays.values()
        found.add(tuple((name, a.dtype, a.shape) for name, a in arrays.items()))
    if len(found) != 1:
        return ()
    (specs,) = found
    for name, dtype, _ in specs:
        if dtype not in MEAN_DTYPES:
            raise UsageError(
                f'[tool.fedota] aggregation = "mean" does not suit this app: its array {name!r} is '
                f"{dtype}, and only floating-point arrays are averaged. Take that line out."
            )
    return tuple(
        fl_records_pb2.ArraySpec(name=name, dtype=dtype, shape=shape, stype="numpy.ndarray")
        for name, dtype, shape in specs
    )


def round_of(contents: list[Content]) -> int:
    """Read the server round that Flower's strategies write into their messages, 0 for none."""
    for content in contents:
        for config in content.records.config.values():
            value = config.get(ROUND_KEY)
            if isinstance(value, int) and value > 0:
                return value
    return 0


def run_app(folder: AppFolder, grid: SelectorGrid, rules: AppRules, run_id: int) -> None:
    """Run a ServerApp to its end, in the calling thread.

    Raises
    ------
    Exception
        Whatever the app raises.
    """
    rules.begin()
    flower_private.take_identity(run_id)
    app = flower_private.load_server_app(folder.reference, folder.folder)
    grid.set_run(flower_private.new_run(run_id))
    app(grid, flower_private.new_context(run_id, folder.run_config))
