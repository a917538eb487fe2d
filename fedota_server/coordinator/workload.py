"""What a coordinator's second thread does: a problem's rounds, or a Flower app."""

from __future__ import annotations

import logging
import secrets
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FedotaError, UsageError
from fedota_proto.records import Arrays
from fedota_proto.v1 import fl_round_pb2
from fedota_server.coordinator import flower_private
from fedota_server.coordinator.app import AppRules, run_app
from fedota_server.coordinator.app_folder import AppFolder
from fedota_server.coordinator.asks import Asks
from fedota_server.coordinator.checkpoints import CheckpointStore
from fedota_server.coordinator.commands import Commands
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.facts import declared_specs
from fedota_server.coordinator.grid import SelectorGrid
from fedota_server.coordinator.history import History
from fedota_server.coordinator.loading import load_initial
from fedota_server.coordinator.orders import Orders
from fedota_server.coordinator.round_rules import RoundRules
from fedota_server.coordinator.round_view import RoundView
from fedota_server.coordinator.rounds import Rounds, RoundsParts
from fedota_server.coordinator.settings import CoordinatorSettings
from fedota_server.coordinator.state import ProblemState, Standing, State
from fedota_server.strategies.build import build_strategy

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shared:
    """What both kinds of work stand on.

    Parameters
    ----------
    settings
        Of the process.
    own
        The coordinator's own folder.
    engine, events, history
        Open.
    """

    settings: CoordinatorSettings
    own: Path
    engine: Engine
    events: Events
    history: History


class Workload(ABC):
    """The work of a coordinator beside its event loop."""

    view: RoundView
    commands: Commands

    @abstractmethod
    def run(self) -> None:
        """Work until the end; called in a thread of its own."""

    @abstractmethod
    def ended(self, error: BaseException | None) -> bool:
        """Note in the event loop that `run` has ended, and with what error.

        Returns
        -------
        bool
            Whether the process goes on serving.
        """

    @abstractmethod
    def shut_down(self) -> None:
        """Have `run` end soon; the engine is blocked already."""


class ProblemWork(Workload):
    """A problem's rounds, its commands, and the answers to its clients.

    Raises
    ------
    FedotaError
        Something in the coordinator's folder is damaged.
    """

    def __init__(self, shared: Shared) -> None:
        engine, events, own = shared.engine, shared.events, shared.own
        facts = engine.facts
        problem, manifest = facts.problem, facts.manifest
        if problem is None or manifest is None:
            raise UsageError("There is no problem to work on.")
        rules = problem.rounds
        self.view = RoundView(
            engine,
            events,
            rounds=rules.rounds,
            goal=rules.goal_count,
            minimum=rules.minimum_reports,
        )
        state = ProblemState(own / "state.json", events, self.view.moved)
        self.view.problem = state
        self._orders = Orders(held=state.now.held)
        store = CheckpointStore(
            own / "checkpoints", keep_bytes=shared.settings.checkpoints_max_bytes
        )
        self.commands = Commands(
            own / "commands.jsonl",
            engine,
            state,
            self._orders,
            lambda: [key.server_round for key in store.rollback_points()],
        )
        round_rules = RoundRules(
            mean=problem.strategy.spec.aggregation == "mean", expect=declared_specs(manifest)
        )
        grid = SelectorGrid(engine, round_rules, views=True)
        run_id = secrets.randbits(62)
        flower_private.take_identity(run_id)
        grid.set_run(flower_private.new_run(run_id))
        parts = RoundsParts(
            problem=problem,
            strategy=build_strategy(problem, manifest),
            engine=engine,
            grid=grid,
            rules=round_rules,
            view=self.view,
            state=state,
            orders=self._orders,
            store=store,
            history=shared.history,
        )
        folder = shared.settings.folder
        self._rounds = Rounds(parts, lambda: load_initial(folder, manifest))

        def load_round(server_round: int) -> Arrays:
            return store.load(server_round).arrays

        scratch = own / "fetched"
        self._asks = Asks(
            engine, self.view, lambda: self._rounds.completed_round, load_round, scratch
        )
        if state.now.state is State.COMPLETED:
            engine.roster.finished = fl_round_pb2.Finished(reason=state.now.reason)

    def run(self) -> None:
        """Train, round by round."""
        self._rounds.begin()
        self._rounds.run()

    def ended(self, error: BaseException | None) -> bool:
        """End the process with the rounds: a new one goes on from the newest checkpoint."""
        return False

    def shut_down(self) -> None:
        """End the rounds; the open one is as if it had never begun."""
        self._orders.shut_down()


class AppWork(Workload):
    """A Flower app, which has no resume: it begins anew with the process."""

    def __init__(self, shared: Shared, app: AppFolder) -> None:
        engine, events, own = shared.engine, shared.events, shared.own
        self._engine = engine
        self._app = app
        nodes = shared.settings.nodes
        self.view = RoundView(engine, events, rounds=0, goal=nodes, minimum=0)
        (own / "state.json").unlink(missing_ok=True)
        self._state = ProblemState(own / "state.json", events, self.view.moved)
        self.view.problem = self._state
        self.commands = Commands(own / "commands.jsonl", engine, self._state, None, list)
        self._rules = AppRules(engine, self.view, self._state, nodes=nodes, mean=app.mean)
        self._grid = SelectorGrid(engine, self._rules, views=False)
        self._run_id = secrets.randbits(62)
        self._exits = shared.settings.exit_when_finished
        self._asks = Asks(engine, self.view, lambda: 0, None, own / "fetched")
        _log.info(
            "a Flower app runs from its beginning to its end: it has no checkpoints and no resume"
        )

    def run(self) -> None:
        """Run the app's own loop."""
        run_app(self._app, self._grid, self._rules, self._run_id)

    def ended(self, error: BaseException | None) -> bool:
        """Tell everybody that the app has ended, well or not."""
        reason = "The app has ended."
        if error is None:
            self._state.enter(Standing(State.COMPLETED, reason))
        else:
            failure_id = secrets.token_hex(4)
            said = error.public_message if isinstance(error, FedotaError) else _shown(error)
            reason = f"The app failed: {said}"
            _log.error("failure %s: the app failed", failure_id, exc_info=error)
            self._state.enter(Standing(State.FAILED, reason, failure_id))
        self._engine.roster.finish(fl_round_pb2.Finished(reason=reason))
        return not self._exits

    def shut_down(self) -> None:
        """Nothing: the app's next use of the Grid raises."""


def _shown(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
