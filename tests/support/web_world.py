"""A platform on this machine: a real webserver without its page, its problem, real clients."""

from __future__ import annotations

import asyncio
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil
from sqlmodel import SQLModel, col, select

from fedota_proto.invite import Invite
from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.kept import KeptProcessSpawner
from fedota_server.spawners.kept_state import load_state
from fedota_server.webserver.database import row_id
from fedota_server.webserver.permissions import Actor, Role, machine_actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.problem_ports import ProblemPorts
from fedota_server.webserver.restore import Restore
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import (
    CommandRow,
    EventRow,
    ProblemRow,
    RoundRow,
    ServerRow,
    User,
)
from support.director import Director
from support.holder import Holder
from support.programs import Program, environment
from support.waiting import DEADLINE_S, until
from support.world import Member, World

PROBLEM = "abcdef123456"
ROOT = machine_actor("root")

_Row = TypeVar("_Row", bound=SQLModel)


class WebWorld(World):
    """A platform with one published problem; nothing of it outlives the test.

    The test uses the platform's use cases as the commands do: beside the webserver, in another
    process, over the same database and folder.

    Parameters
    ----------
    place
        An empty folder.
    model
        Folder with ``model.keras`` and ``inspected``, as `support.model_maker` makes it.
    text
        problem.toml.
    selectors
        How many the problem begins with.
    database_url
        Empty: SQLite in the platform's folder.
    """

    def __init__(
        self, place: Path, model: Path, text: str, selectors: int = 1, database_url: str = ""
    ) -> None:
        self.place = place
        self._open(place / "home", database_url)
        self.platform.init()
        self.web.database.migrate()
        self.setter = self.person("Olga", Role.SETTER)
        self.folder = self._publish(model, text, selectors)
        self.keys = self.folder.keys(self.platform.authority())
        self.ports = ProblemPorts(self.platform, self.settings).keep(self.folder, selectors)
        self.director = Director()
        self.clients: list[Program] = []
        self.members: dict[str, Member] = {}
        self.holders: dict[str, Actor] = {}
        self.webservers: list[Program] = []
        self._stack = AsyncExitStack()

    def _open(self, home: Path, database_url: str = "") -> None:
        self.settings = WebserverSettings.model_validate(
            {"home": home, "database_url": database_url}
        )
        self.web = Platform.open(self.settings)
        self.platform = PlatformHome(home)

    def person(self, name: str, *roles: Role) -> Actor:
        """Make an account."""
        with self.web.database.session() as session, session.begin():
            user = User(
                email=f"{name.lower()}@example.org",
                name=name,
                is_setter=Role.SETTER in roles,
                created_unix_s=time.time(),
            )
            session.add(user)
            session.flush()
            return Actor(row_id(user.id), name, frozenset(roles))

    def _publish(self, model: Path, text: str, selectors: int) -> ProblemFolder:
        now = time.time()
        folder = self._folder()
        folder.begin(PROBLEM, now)
        (folder.folder / "problem.toml").write_text(text)
        shutil.copy(model / "model.keras", folder.folder)
        with folder.intake() as intake:
            shutil.copytree(model / "inspected", intake, dirs_exist_ok=True)
            self.manifest = folder.take_in(intake, folder.model_sha256())
        folder.note_beginning()
        with self.web.database.session() as session, session.begin():
            session.add(
                ProblemRow(
                    id=PROBLEM,
                    owner_id=self.setter.user_id,
                    title="Small",
                    status="ready",
                    selectors=selectors,
                    admission="anyone",
                    rounds=folder.problem().rounds.rounds,
                    created_unix_s=now,
                    updated_unix_s=now,
                    published_unix_s=now,
                )
            )
        return folder

    def _folder(self) -> ProblemFolder:
        return ProblemFolder(self.settings.home / "problems" / PROBLEM)

    async def __aenter__(self) -> Self:
        await self.director.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()
        await asyncio.gather(*(client.kill() for client in self.clients))
        await self.director.close()
        await self.lose_machine()

    # The webserver.

    async def lose_machine(self) -> None:
        """End the webserver and all servers, as a power cut would."""
        await asyncio.gather(*(webserver.kill() for webserver in self.webservers))
        await KeptProcessSpawner(self.folder.state / "servers", self.folder.logs).close(grace_s=0)
        self.web.database.close()

    def restore(self, archive: Path) -> None:
        """Go on with another folder, as on another machine, into which a backup is put back."""
        self._open(self.place / "elsewhere")
        Restore(self.web.database, self.settings.home).put_back(ROOT, archive)
        self.folder = self._folder()
        self.keys = self.folder.keys(self.platform.authority())

    async def start_webserver(self, **settings: str) -> Program:
        """Start one, and wait until it runs."""
        env = environment(
            FEDOTA_HOME=str(self.settings.home),
            FEDOTA_DATABASE_URL=self.settings.database_url.get_secret_value(),
            FEDOTA_COORDINATOR_SELECTOR_GRACE_S="1.0",
            **settings,
        )
        name = f"webserver {len(self.webservers) + 1}"
        program = await Program.start(name, "support.platform_program", [], env, self.place)
        self.webservers.append(program)
        await program.says("^running$")
        return program

    async def stop_webserver(self) -> None:
        """Have the newest webserver end by itself."""
        self.webservers[-1].send(signal.SIGTERM)
        assert await self.webservers[-1].ended() == 0, self.webservers[-1].output

    # What holders do.

    def take_part(self, name: str, *, seed: int = 0, weight: int = 10) -> Member:
        """Make a holder who joins the problem and enrols one client."""
        holder = self.person(name, Role.HOLDER)
        self.holders[name] = holder
        self.web.memberships.join(holder, PROBLEM)
        client = self.web.memberships.enrol(holder, PROBLEM, name)
        text = self.web.memberships.invite_text(holder, PROBLEM, client.node_id)
        place = self.place / "clients" / name
        member = Member(
            Invite.parse(text),
            seed or len(self.members) + 1,
            weight,
            place / "data",
            place / "home",
        )
        member.data.mkdir(parents=True)
        (place / "invite").write_text(text)
        self.members[name] = member
        return member

    async def holder(self, name: str) -> Holder:
        """Make a holder and have it check in."""
        return await self._stack.enter_async_context(Holder(self.take_part(name)))

    async def again(self, holder: Holder, selector: int = 1) -> Holder:
        """Have a holder whose stream has ended check in once the servers run again."""
        await self.state_of("coordinator", "running")
        await self.state_of(f"selector-{selector}", "running")
        return await self._stack.enter_async_context(Holder.moved(holder, selector))

    # What the database says.

    def rows(self, table: type[_Row]) -> list[_Row]:
        """Read a table."""
        with self.web.database.session() as session:
            return list(session.exec(select(table)))

    @property
    def problem(self) -> ProblemRow:
        """The problem's row, as it is now."""
        (row,) = self.rows(ProblemRow)
        return row

    def command_row(self, command_id: str) -> CommandRow:
        """Read a command."""
        with self.web.database.session() as session:
            row = session.get(CommandRow, command_id)
        assert row is not None
        return row

    def server(self, name: str) -> ServerRow | None:
        """Read what stands of a server."""
        with self.web.database.session() as session:
            return session.exec(select(ServerRow).where(col(ServerRow.name) == name)).first()

    async def status(self, *words: str, timeout_s: float = DEADLINE_S) -> ProblemRow:
        """Wait until the problem has one of these statuses."""
        await self.comes(lambda: self.problem.status in words, f"status {words}", timeout_s)
        return self.problem

    async def round_completed(self, server_round: int, timeout_s: float = DEADLINE_S) -> None:
        """Wait until the database knows that a round was completed."""
        await self.comes(
            lambda: self.problem.completed_round >= server_round, f"round {server_round}", timeout_s
        )

    async def answer(self, command_id: str) -> CommandRow:
        """Wait for the answer to a command."""
        await self.comes(
            lambda: self.command_row(command_id).answered_unix_s is not None, "an answer"
        )
        return self.command_row(command_id)

    async def state_of(self, name: str, *states: str, timeout_s: float = DEADLINE_S) -> ServerRow:
        """Wait until a server stands so."""

        def stands() -> bool:
            row = self.server(name)
            return row is not None and row.state in states

        await self.comes(stands, f"{name} {states}", timeout_s)
        row = self.server(name)
        assert row is not None
        return row

    async def comes(
        self, reached: Callable[[], object], what: str, timeout_s: float = DEADLINE_S
    ) -> None:
        """Wait for something in the database, and say where things stand if it does not come."""
        try:
            await until(reached, what, timeout_s=timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; the problem is {self.problem!r}") from None

    # The processes.

    def process(self, name: str) -> psutil.Process | None:
        """Find a server's process, whoever started it."""
        state = load_state(self.folder.state / "servers" / f"{name}.json")
        return (
            psutil.Process(state.server.pid) if state is not None and state.server.lives else None
        )

    def pids(self) -> dict[str, int]:
        """Return the pids of all servers that run."""
        names = [path.stem for path in (self.folder.state / "servers").glob("*.json")]
        found = {name: self.process(name) for name in names}
        return {name: process.pid for name, process in found.items() if process is not None}

    def tails(self) -> dict[str, str]:
        """Return the end of every process's log."""
        return super().tails() | {
            one.name: "\n".join(one.lines.items[-80:]) for one in self.webservers
        }


MakeWebWorld = Callable[..., Awaitable[WebWorld]]


def assert_nothing_missing_or_double(world: WebWorld) -> None:
    """Compare the database with the coordinator's own history."""
    history = {
        (row.generation, row.server_round, row.attempt): (row.completed, row.reported, row.weight)
        for row in [*world.rounds(), *world.rounds(completed=False)]
    }
    rows = world.rows(RoundRow)
    assert len(rows) == len(history)
    assert history == {
        (row.generation, row.server_round, row.attempt): (row.completed, row.reported, row.weight)
        for row in rows
    }
    with world.web.database.session() as session:
        seqs = session.exec(select(EventRow.seq).order_by(col(EventRow.id))).all()
    assert list(seqs) == list(range(1, len(seqs) + 1))
