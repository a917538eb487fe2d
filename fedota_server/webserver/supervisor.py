"""Keeps the servers of all problems as the database wants them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Mapping

from fedota_proto.errors import DatabaseError, ServerStartError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.spawning import Spawning
from fedota_server.webserver.lingering import Lingering
from fedota_server.webserver.live import Live
from fedota_server.webserver.problem_keeper import ProblemKeeper
from fedota_server.webserver.problem_specs import ProblemSpecs
from fedota_server.webserver.server_rows import ServerRows, Wish
from fedota_server.webserver.status_service import StatusService
from fedota_server.webserver.threads import in_thread

logger = logging.getLogger(__name__)

LOOK_S = 1.0
_STARTS_AT_ONCE = 4
_SWEEP_AGAIN_S = 30.0


class Supervisor:
    """Looks at what the database wants, now and again and whenever it is woken.

    Also has commands delivered, and lets the servers of completed problems rest.

    Parameters
    ----------
    rows
        What the database wants, and where it is told how servers stand.
    specs
        What servers are told.
    status
        Delivers commands.
    live
        Knows how many clients are connected.
    folder_of
        The folder of a problem, by its id.
    spawning
        Makes what runs the servers of a problem.
    keep_servers
        Whether servers go on when this ends.
    lingering
        Decides when those of completed problems rest.
    """

    def __init__(
        self,
        rows: ServerRows,
        specs: ProblemSpecs,
        status: StatusService,
        live: Live,
        *,
        folder_of: Callable[[str], ProblemFolder],
        spawning: Spawning,
        keep_servers: bool,
        lingering: Lingering | None = None,
    ) -> None:
        self._rows = rows
        self._specs = specs
        self._status = status
        self._live = live
        self._folder_of = folder_of
        self._spawning = spawning
        self._keep_servers = keep_servers
        self._lingering = lingering or Lingering()
        self._keepers: dict[str, tuple[ProblemKeeper, asyncio.Task[None]]] = {}
        self._gate = asyncio.Semaphore(_STARTS_AT_ONCE)
        self._woken = asyncio.Event()
        self._sweep_at: float | None = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None

    def wake(self) -> None:
        """Have it look now; any thread may call it, without effect while it does not run."""
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Work until cancelled; servers then go on or are stopped, as the settings say."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._woken.clear()
                try:
                    await self._look()
                except DatabaseError as error:
                    logger.warning("%s", error.public_message)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
        finally:
            self._loop = None
            ending = self._let_go if self._keep_servers else self._stop
            await asyncio.gather(*(ending(problem_id) for problem_id in list(self._keepers)))

    async def _look(self) -> None:
        asked_at = asyncio.get_running_loop().time()
        wishes = {wish.problem_id: wish for wish in await in_thread(self._rows.wishes)}
        if self._sweep_at is not None and asked_at >= self._sweep_at:
            await self._sweep(wishes, asked_at)
        await self._status.deliver()
        for problem_id, wish in wishes.items():
            keeper = await self._keeper(problem_id)
            names = self._specs.names(wish.selectors) if wish.wanted else []
            keeper.follow(names, wish.known, asked_at)
            await self._rest_if_over(wish, asked_at)
        await self._tidy(wishes, asked_at)

    async def _sweep(self, wishes: Mapping[str, Wish], now: float) -> None:
        """Have removed what an earlier webserver left and nobody wants any more."""
        self._sweep_at = None
        try:
            await self._spawning.sweep({*wishes, *self._keepers})
        except ServerStartError as error:
            self._sweep_at = now + _SWEEP_AGAIN_S
            logger.warning("what was left over cannot be removed: %s", error.public_message)

    async def _rest_if_over(self, wish: Wish, now: float) -> None:
        if not (wish.wanted and wish.completed) or wish.has_commands:
            self._lingering.forget(wish.problem_id)
            return
        clock = self._live.clock(wish.problem_id)
        held = clock.held_clients if clock is not None else None
        if self._lingering.over(wish.problem_id, now, held):
            self._lingering.forget(wish.problem_id)
            if await in_thread(self._rows.rest, wish.problem_id):
                logger.info("problem %s is completed; its servers rest", wish.problem_id)
                self._woken.set()

    async def _keeper(self, problem_id: str) -> ProblemKeeper:
        found = self._keepers.get(problem_id)
        if found is not None and not found[1].done():
            return found[0]
        if found is not None:
            self._log_end(problem_id, found[1])
            await self._let_go(problem_id)
        folder = self._folder_of(problem_id)
        keeper = ProblemKeeper(
            problem_id,
            folder,
            self._spawning.spawner_of(folder),
            self._specs,
            self._rows,
            self._gate,
        )
        task = asyncio.create_task(keeper.run(), name=f"servers of {problem_id}")
        self._keepers[problem_id] = (keeper, task)
        return keeper

    @staticmethod
    def _log_end(problem_id: str, task: asyncio.Task[None]) -> None:
        """A keeper ends by a defect alone; a new one then takes its servers over."""
        failure_id = secrets.token_hex(4)
        error = None if task.cancelled() else task.exception()
        logger.error(
            "keeping problem %s failed, id %s; it is taken up again",
            problem_id,
            failure_id,
            exc_info=error,
        )

    async def _tidy(self, wishes: Mapping[str, Wish], asked_at: float) -> None:
        """Let go of problems of which nothing is wanted and nothing runs."""
        for problem_id, (keeper, _) in list(self._keepers.items()):
            if problem_id not in wishes:
                keeper.follow([], (), asked_at)
                if keeper.at_rest:
                    await self._clear_away(problem_id)

    async def _clear_away(self, problem_id: str) -> None:
        """End the keeping of a problem of which nothing runs, and remove what it ran in."""
        keeper = await self._end(problem_id)
        try:
            await keeper.spawner.close()
        except ServerStartError as error:
            self._sweep_at = asyncio.get_running_loop().time() + _SWEEP_AGAIN_S
            logger.warning("problem %s: %s", problem_id, error.public_message)

    async def _let_go(self, problem_id: str) -> None:
        """End the keeping of a problem; servers that can outlive it go on."""
        keeper = await self._end(problem_id)
        await keeper.spawner.release()

    async def _stop(self, problem_id: str) -> None:
        """Stop a problem's servers, at the end of the webserver."""
        keeper = await self._end(problem_id)
        await keeper.spawner.close()
        try:
            await in_thread(self._rows.all_stopped, problem_id)
        except DatabaseError as error:
            logger.warning("%s", error.public_message)

    async def _end(self, problem_id: str) -> ProblemKeeper:
        keeper, task = self._keepers.pop(problem_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return keeper
