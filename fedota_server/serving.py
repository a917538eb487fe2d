"""A problem's servers on this machine: the status service, one coordinator, its selectors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fedota_proto.errors import FedotaError, ServerStartError
from fedota_proto.tls import ServerIdentity
from fedota_server.authority import ProblemKeys
from fedota_server.backoff import Backoff
from fedota_server.event_file import EventFile
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.server_specs import (
    COORDINATOR,
    coordinator_spec,
    refuse_taken,
    selector_called,
    selector_spec,
)
from fedota_server.spawners.base import ServerSpec, Spawner
from fedota_server.spawners.log_file import last_words
from fedota_server.status_host import StatusServicer, status_server

Say = Callable[[str], None]

_POLL_S = 600.0
_STATUS_STOP_S = 2.0


@dataclass(frozen=True)
class ServePlan:
    """What is served.

    Parameters
    ----------
    folder
        The problem's.
    keys
        Its keys.
    webserver
        Certificate of the status service.
    selectors
        How many run at first.
    coordinator_settings
        The coordinator's settings beside those that every problem has: the problem or the app.
    start_timeout_s
        Seconds within which a server must say that it serves.
    """

    folder: ProblemFolder
    keys: ProblemKeys
    webserver: ServerIdentity
    selectors: int
    coordinator_settings: Mapping[str, str]
    start_timeout_s: float = 30.0


class ProblemServers:
    """Runs a problem's servers until it is closed, and starts one again that ended.

    Use as an asynchronous context manager: when the block begins, all of them serve; when it ends,
    none is left. A server that cannot be started then is an error; later it is tried again, with
    growing pauses, and said.

    Parameters
    ----------
    plan
        What is served.
    spawner
        What starts them.
    say
        Told in one line what happens to the servers.
    """

    def __init__(self, plan: ServePlan, spawner: Spawner, say: Say) -> None:
        self._plan = plan
        self._spawner = spawner
        self._say = say
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._scaling = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self.store = EventFile(plan.folder.events)
        self.servicer = StatusServicer(plan.keys.problem_id, self.store, self.set_selectors)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Serve for as long as the block lasts.

        Raises
        ------
        ServerStartError
            A port is taken, or a server does not start.
        """
        try:
            with contextlib.closing(self.store):
                ports = self._free_ports()
                async with self._status_service(ports), self._spawner, asyncio.TaskGroup() as group:
                    self._group = group
                    await self._start(self._coordinator_spec(ports))
                    numbers = range(1, self._plan.selectors + 1)
                    await asyncio.gather(
                        *(self._start(self._selector_spec(ports, n)) for n in numbers)
                    )
                    try:
                        yield
                    finally:
                        for keeper in self._keepers.values():
                            keeper.cancel()
        except BaseExceptionGroup as failed:
            raise _first(failed) from failed

    @asynccontextmanager
    async def _status_service(self, ports: Ports) -> AsyncIterator[None]:
        server, _ = status_server(
            self.servicer,
            self._plan.keys.problem_id,
            self._plan.webserver,
            self._plan.keys.ca_pem,
            ports.status_address,
        )
        await server.start()
        try:
            yield
        finally:
            await server.stop(_STATUS_STOP_S)

    @property
    def selectors(self) -> list[str]:
        """Names of the selectors that are kept running, in order."""
        return sorted(
            (name for name in self._keepers if name != COORDINATOR),
            key=lambda name: int(name.rpartition("-")[2]),
        )

    async def set_selectors(self, count: int) -> str:
        """Run so many selectors from now on.

        Returns
        -------
        str
            What was done.

        Raises
        ------
        ServerStartError
            A new one does not start; those that run stay.
        """
        async with self._scaling:
            running = self.selectors
            ports = self._plan.folder.ports(count)
            for name in running[count:]:
                keeper = self._keepers.pop(name)
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)
                self._say(f"{name} was stopped")
            for number in range(len(running) + 1, count + 1):
                await self._start(self._selector_spec(ports, number))
        return f"{count} selector{'s' if count != 1 else ''} run now."

    def _free_ports(self) -> Ports:
        ports = self._plan.folder.ports(self._plan.selectors)
        named = {"the status service": ports.status, COORDINATOR: ports.coordinator}
        named |= {
            selector_called(number): port
            for number, port in enumerate(ports.selectors[: self._plan.selectors], start=1)
        }
        for name, port in named.items():
            refuse_taken(port, name, self._plan.folder.ports_path)
        return ports

    async def _start(self, spec: ServerSpec) -> None:
        address = await self._spawner.start(spec)
        self._say(f"{spec.name} serves at {address}")
        if self._group is None:
            raise ServerStartError(f"{spec.name} is not started: everything is being stopped.")
        self._keepers[spec.name] = self._group.create_task(self._keep(spec), name=spec.name)

    async def _keep(self, spec: ServerSpec) -> None:
        """Start a server again whenever it ends, until cancelled; then stop it."""
        backoff, started = Backoff(), time.monotonic()
        try:
            while True:
                exit_code = await self._spawner.poll(spec.name, wait_s=_POLL_S)
                if exit_code is None:
                    continue
                delay_s = backoff.after(time.monotonic() - started)
                words = await self._last_words(spec.name) if exit_code > 0 else ""
                self._say(
                    f"{spec.name} ended with exit code {exit_code} and is started again{words}"
                )
                await asyncio.sleep(delay_s)
                try:
                    started = time.monotonic()
                    address = await self._spawner.start(spec)
                except ServerStartError as error:
                    self._say(error.public_message)
                else:
                    self._say(f"{spec.name} serves again at {address}")
        finally:
            await self._spawner.stop(spec.name)

    async def _last_words(self, name: str) -> str:
        said = last_words(await self._spawner.logs(name, lines=3))
        return f"; its last words: {said}" if said else ""

    def _coordinator_spec(self, ports: Ports) -> ServerSpec:
        plan = self._plan
        return coordinator_spec(
            plan.folder,
            ports,
            plan.coordinator_settings,
            status_address=ports.status_address,
            start_timeout_s=plan.start_timeout_s,
        )

    def _selector_spec(self, ports: Ports, number: int) -> ServerSpec:
        plan = self._plan
        return selector_spec(plan.keys, ports, number, start_timeout_s=plan.start_timeout_s)


def _first(failed: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return what ended a group, Fedota's own errors first."""
    ours, rest = failed.split(FedotaError)
    inner: BaseException = ours or rest or failed
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner
