"""The platform: everything behind the web page, the API and the commands, put together once."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from functools import cached_property
from typing import Any

from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.accounts import Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.event_writer import EventWriter
from fedota_server.webserver.front_routes import FrontRoutes
from fedota_server.webserver.job_desk import JobDesk
from fedota_server.webserver.live import Live
from fedota_server.webserver.memberships import Memberships
from fedota_server.webserver.platform_ports import PlatformPorts, platform_ports
from fedota_server.webserver.problem_images import ProblemImages
from fedota_server.webserver.problem_specs import ProblemSpecs
from fedota_server.webserver.problems.problems import Problems
from fedota_server.webserver.problems.use_cases import problem_folder
from fedota_server.webserver.round_door import RoundDoor
from fedota_server.webserver.round_service import RoundService
from fedota_server.webserver.server_rows import ServerRows
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.spawning import make_spawning
from fedota_server.webserver.status_service import StatusService
from fedota_server.webserver.supervisor import Supervisor
from fedota_server.webserver.threads import in_thread


class Platform:
    """What pages, API and commands use.

    Its use cases can be called from any thread, whether or not it is running. Running, it serves
    the coordinators' status service and the data holders' fl_round service, and keeps the servers
    of its problems as the database wants them; that takes the one process that holds the folder.

    Parameters
    ----------
    settings
        Of the webserver.
    """

    def __init__(self, settings: WebserverSettings) -> None:
        self.settings = settings
        self.home = PlatformHome(settings.home)
        self.database = Database(settings.database_address)
        self.live = Live()
        self.audit = Audit(self.database)
        self.accounts = Accounts(self.database, settings=settings)
        self.problems = Problems(self.database, settings, self.home, wake=self.wake)
        self.spawning = make_spawning(settings)
        self.jobs = JobDesk(self.database, settings, self.home, spawner=self.spawning.job_spawner)
        self.supervisor: Supervisor | None = None
        self.memberships = Memberships(
            self.database, self.home, round_address=self.round_address, wake=self.wake
        )
        self.problem_images = ProblemImages(
            self.database, settings, self._folder, self.round_address
        )

    @classmethod
    def open(cls, settings: WebserverSettings) -> Platform:
        """Put the platform together; nothing runs, and nothing is read yet.

        Raises
        ------
        UsageError
            The database's URL names none, or the spawner is not to be had.
        """
        return cls(settings)

    @cached_property
    def ports(self) -> PlatformPorts:
        """The webserver's own ports, chosen at the first look.

        Raises
        ------
        FolderError, ServerStartError
            They cannot be read or kept; none is free.
        """
        return platform_ports(self.settings.home, round_port=self.settings.round_port)

    def round_address(self) -> str:
        """Return where data holders reach the webserver's fl_round service."""
        return self.ports.round_address(self.settings.public_host, self.settings.front_port)

    def wake(self) -> None:
        """Have whatever follows the database look at it now; any thread may call it."""
        self.jobs.wake()
        if self.supervisor is not None:
            self.supervisor.wake()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run for as long as the block lasts.

        Raises
        ------
        FedotaError
            The database cannot be brought up to date, or a port is taken.
        """
        _allow_many_connections()
        await in_thread(self._prepare)
        with contextlib.closing(self.database), contextlib.closing(self.spawning):
            writer = EventWriter(self.database, self.wake)
            with contextlib.closing(writer):
                status = StatusService(self.database, writer, self.live)
                identity = self.home.webserver_identity()
                ca_pem = self.home.authority().pem
                rounds = RoundService(
                    self.database,
                    RoundDoor(self.database, self._folder),
                    self.wake,
                    live=self.live,
                )
                reach = self.spawning.reach
                status_listen = self.ports.status_listen(reach)
                round_listen = self.ports.round_listen(reach, self.settings.public_host)
                async with (
                    status.serving(status_listen, identity, ca_pem),
                    rounds.serving(round_listen, identity, ca_pem),
                ):
                    self.supervisor = self._supervisor(status)
                    async with _background(
                        self.supervisor.run(), self.jobs.run(), *self._front_routes()
                    ):
                        yield

    def _prepare(self) -> None:
        """Make what is missing, and bring the database up to date."""
        self.home.init()
        self.home.webserver_identity()
        self.database.migrate()

    def _folder(self, problem_id: str) -> ProblemFolder:
        return problem_folder(self.home, problem_id)

    def _supervisor(self, status: StatusService) -> Supervisor:
        reach = self.spawning.reach
        return Supervisor(
            ServerRows(self.database),
            ProblemSpecs(self.home, self.settings, self.ports.status_address(reach), reach),
            status,
            self.live,
            folder_of=self._folder,
            spawning=self.spawning,
            keep_servers=self.settings.keep_servers,
        )

    def _front_routes(self) -> Iterator[Coroutine[Any, Any, None]]:
        path = self.settings.front_routes
        if path is not None and self.settings.front_port:
            address = f"{self.spawning.reach.webserver}:{self.ports.round}"
            yield FrontRoutes(path, self.settings.home, address).run()


def _allow_many_connections() -> None:
    """Raise the number of open files to what the system allows: each coordinator needs some."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@asynccontextmanager
async def _background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Do work that never ends by itself for as long as the block lasts.

    If it fails all the same, the block is cancelled and the failure comes out of it.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
