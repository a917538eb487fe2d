"""One coordinator, put together: the server, its work, and the way to the webserver."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import logging
import random
import threading
from collections.abc import Callable
from functools import partial

import grpc.aio

from fedota_proto.errors import RoundAbandonedError, UsageError
from fedota_proto.tls import WEBSERVER_NAME, client_channel
from fedota_server.coordinator.app_folder import read_app_folder
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.events import Events
from fedota_server.coordinator.history import History
from fedota_server.coordinator.intra import FlIntra, serve
from fedota_server.coordinator.journal import Journal
from fedota_server.coordinator.loading import earlier_outcome, load_app, load_keys, load_problem
from fedota_server.coordinator.membership import Membership, Row
from fedota_server.coordinator.memory import check_memory, machine_limit_bytes
from fedota_server.coordinator.outcomes import Outcomes
from fedota_server.coordinator.settings import CoordinatorSettings
from fedota_server.coordinator.status import StatusReporter
from fedota_server.coordinator.workload import AppWork, ProblemWork, Shared, Workload

_log = logging.getLogger(__name__)

STOP_GRACE_S = 0.5
THREAD_ENDS_WITHIN_S = 10.0
STORED_WITHIN_S = 5.0


class Coordinator:
    """One coordinator process.

    Parameters
    ----------
    settings
        From its environment.
    rng
        Breaks the ties of selections.

    Raises
    ------
    FedotaError
        Something of the problem is missing or wrong.
    """

    def __init__(self, settings: CoordinatorSettings, rng: random.Random | None = None) -> None:
        self._settings = settings
        self._rng = rng or random.SystemRandom()
        self._release = importlib.metadata.version("fedota")
        self._own = settings.folder / "coordinator"
        self._keys = load_keys(settings.keys)
        self._app = None
        invite_key = self._keys.invite_public_key
        if settings.app_dir is not None:
            self._app = read_app_folder(settings.app_dir, settings.run_config)
            self._facts = load_app(settings.folder, invite_key, settings.update_max_bytes)
        elif settings.problem_dir is not None:
            self._facts = load_problem(settings.folder, settings.problem_dir, invite_key)
            self._check_memory()
        else:
            raise UsageError(
                "Setting FEDOTA_COORDINATOR_PROBLEM_DIR: it is not set, nor is "
                "FEDOTA_COORDINATOR_APP_DIR."
            )

    def _check_memory(self) -> None:
        problem, manifest = self._facts.problem, self._facts.manifest
        if problem is not None and manifest is not None:
            limit_bytes = self._settings.memory_limit_bytes or machine_limit_bytes()
            check_memory(problem, manifest, limit_bytes)

    async def run(self, stop: asyncio.Event, ready: Callable[[str], None]) -> bool:
        """Serve until told to stop.

        Parameters
        ----------
        stop
            Set to stop.
        ready
            Called once with the address, when selectors may attach.

        Returns
        -------
        bool
            Whether all went well; False if an app has failed.

        Raises
        ------
        FedotaError
            It cannot start, or cannot go on.
        """
        with contextlib.ExitStack() as files:
            shared = self._open(files)
            app = self._app
            work = AppWork(shared, app) if app is not None else ProblemWork(shared)
            files.callback(work.commands.close)
            server, port = await serve(
                FlIntra(shared.engine, self._facts.problem_id),
                self._settings.listen,
                self._keys.identity,
                self._keys.ca_pem,
            )
            try:
                ready(f"{self._settings.listen.rpartition(':')[0]}:{port}")
                return await self._carry(shared, work, stop)
            finally:
                shared.engine.close(_stopping())
                await server.stop(STOP_GRACE_S)

    def _open(self, files: contextlib.ExitStack) -> Shared:
        """Open the coordinator's own files, and make the engine."""
        events = Events(self._own / "events.jsonl")
        files.callback(events.close)
        history = History(self._own / "history.jsonl")
        files.callback(history.close)
        bindings = Journal(self._own / "bindings.jsonl")
        files.callback(bindings.close)
        kept, bindings.rows = bindings.rows, []

        def keep(row: Row) -> None:
            bindings.append([row])
            bindings.sync()

        facts = self._facts
        outcomes = Outcomes(facts.problem_id, self._keys.receipt, partial(earlier_outcome, history))
        engine = Engine(
            facts,
            Membership(keep, kept),
            outcomes,
            events,
            release=self._release,
            selector_grace_s=self._settings.selector_grace_s,
            client_grace_s=self._settings.client_grace_s,
            report_updates=facts.problem is not None,
            rng=self._rng,
        )
        return Shared(self._settings, self._own, engine, events, history)

    async def _carry(self, shared: Shared, work: Workload, stop: asyncio.Event) -> bool:
        """Have the work done beside the event loop, until it ends or the process is to stop."""
        reporter = self._reporter(shared, work)
        ended = WorkThread(work.run).start()
        error: BaseException | None = None
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(_wait(stop))
            helpers = [stopping]
            if reporter is not None:
                work.view.on_pulse = reporter.show
                helpers.append(tasks.create_task(reporter.run()))
            either: set[asyncio.Future[None]] = {ended, stopping}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                error = ended.exception()
                if work.ended(error):
                    await stopping
                elif reporter is not None and not await reporter.stored(STORED_WITHIN_S):
                    _log.warning("the webserver has not stored every event yet")
            shared.engine.block(_stopping(), for_good=True)
            work.shut_down()
            await asyncio.wait({ended}, timeout=THREAD_ENDS_WITHIN_S)
            if ended.done() and ended.exception() is not None and error is None:
                _log.debug("the work was cut short", exc_info=ended.exception())
            for helper in helpers:
                helper.cancel()
        if error is not None and isinstance(work, ProblemWork):
            raise error
        return error is None

    def _reporter(self, shared: Shared, work: Workload) -> StatusReporter | None:
        address = self._settings.status_address
        if not address:
            return None

        def open_channel() -> grpc.aio.Channel:
            return client_channel(address, WEBSERVER_NAME, self._keys.ca_pem, self._keys.identity)

        return StatusReporter(
            open_channel,
            self._facts.problem_id,
            self._release,
            shared.events,
            work.commands,
            work.view.moved,
        )


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


def _stopping() -> RoundAbandonedError:
    return RoundAbandonedError("The coordinator stops.")


class WorkThread:
    """A thread whose end, and what it raised, the event loop learns.

    It does not keep the process alive: an app may be in the middle of anything.

    Parameters
    ----------
    run
        What it does.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._run = run
        self._loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> asyncio.Future[None]:
        """Start the thread.

        Returns
        -------
        asyncio.Future
            Done when the thread ends, with the exception that ended it.
        """
        threading.Thread(target=self._target, name="rounds", daemon=True).start()
        return self._ended

    def _target(self) -> None:
        error: BaseException | None = None
        try:
            self._run()
        except BaseException as raised:  # noqa: BLE001 (passed on whole to the event loop)
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            self._loop.call_soon_threadsafe(self._end, error)

    def _end(self, error: BaseException | None) -> None:
        if self._ended.done():
            return
        if error is None:
            self._ended.set_result(None)
        else:
            self._ended.set_exception(error)
