"""One problem on this machine: real servers, real clients, and every way to break them."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file

from fedota_proto.errors import FedotaError
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.tls import selector_name
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.authority import PlatformHome
from fedota_server.coordinator.history_rows import (
    EvaluationRow,
    RoundRow,
    Row,
    row_from_document,
)
from fedota_server.event_file import EventFile
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.process import ProcessSpawner
from fedota_server.status_client import operator
from fedota_server.status_host import StatusServicer, status_server
from support.director import Director
from support.programs import Program, environment
from support.proxy import TcpProxy
from support.waiting import DEADLINE_S, Feed

COORDINATOR = "coordinator"
FAULTY = {Role.COORDINATOR: "support.coordinator_program"}
_TAIL_LINES = 60


def problem_toml(
    *,
    strategy: str = '[strategy]\nname = "FedAvg"',
    rounds: int = 2,
    goal: int = 2,
    minimum: int = 2,
    more_rules: str = "",
) -> str:
    """Write a problem for the small model, with deadlines that no test waits for."""
    return f"""
[problem]
title = "Small"
description = "Two numbers, one answer."
model = "model.keras"

{strategy}

[rounds]
rounds = {rounds}
goal_count = {goal}
minimum_reports = {minimum}
{"" if "over_selection" in more_rules else "over_selection = 1.0"}
{"" if "settle_s" in more_rules else "settle_s = 0"}
{more_rules or "selection_timeout_s = 60"}
{"" if "reporting_deadline_s" in more_rules else "reporting_deadline_s = 60"}

[training]
local_epochs = 1
batch_size = 8

[data]
kind = "table"
minimum_examples = 2

[[data.columns]]
name = "x"
type = "number"

[[data.columns]]
name = "y"
type = "number"

[[data.columns]]
name = "answer"
type = "category"
allowed = ["no", "yes"]
target = true
"""


@dataclass
class Member:
    """A data holder: invite, folder, and what its scripted client brings.

    Parameters
    ----------
    invite
        As its client gets it.
    seed, weight
        Of its updates.
    data, home
        Folders of its client.
    """

    invite: Invite
    seed: int
    weight: int
    data: Path
    home: Path

    @property
    def name(self) -> str:
        """What the setter calls it."""
        return self.invite.name

    @property
    def node_id(self) -> int:
        """Its client's node id."""
        return self.invite.node_id


class World:
    """A problem, its servers and its clients; nothing of it outlives the test.

    Parameters
    ----------
    place
        An empty folder.
    model
        Folder with ``model.keras`` and ``inspected``, as `support.model_maker` makes it.
    text
        problem.toml.
    selectors
        How many there may be.
    """

    def __init__(self, place: Path, model: Path, text: str, selectors: int = 2) -> None:
        self.place = place
        self.platform = PlatformHome(place / "platform")
        self.platform.init()
        folder = place / "problem"
        folder.mkdir()
        (folder / "problem.toml").write_text(text)
        shutil.copy(model / "model.keras", folder)
        self.folder = ProblemFolder(folder)
        self.keys = self.folder.keys(self.platform.authority())
        with self.folder.intake() as intake:
            shutil.copytree(model / "inspected", intake, dirs_exist_ok=True)
            self.manifest = self.folder.take_in(intake, self.folder.model_sha256())
        self.ports = self.folder.ports(selectors)
        self.director = Director()
        self.events: Feed[pb.Event] = Feed("events")
        self.clocks: Feed[pb.StatusClock] = Feed("clocks")
        self.clients: list[Program] = []
        self.members: dict[str, Member] = {}
        self._spawner = ProcessSpawner(self.folder.logs, environ=environment())
        self._faulty = ProcessSpawner(self.folder.logs, programs=FAULTY, environ=environment())
        self._store = EventFile(self.folder.events)
        self._servicer = StatusServicer(self.keys.problem_id, self._store, _no_selectors)
        self._proxies: list[TcpProxy] = []
        self._watching: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        server, _ = status_server(
            self._servicer,
            self.keys.problem_id,
            self.platform.webserver_identity(),
            self.keys.ca_pem,
            self.ports.status_address,
        )
        self._server = server
        await server.start()
        await self.director.start()
        self._watching = asyncio.create_task(self._watch())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await asyncio.gather(*(client.kill() for client in self.clients))
        await self.director.close()
        await self._spawner.close(grace_s=0)
        await self._faulty.close(grace_s=0)
        for proxy in self._proxies:
            await proxy.close()
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._server.stop(0)
        self._store.close()

    # Servers.

    async def serve(self, *selectors: int, **settings: str) -> None:
        """Start the coordinator and these selectors."""
        await self.start_coordinator(**settings)
        await asyncio.gather(*(self.start_selector(number) for number in selectors or (1, 2)))

    async def start_coordinator(self, dies_at: str = "", **settings: str) -> None:
        """Start the coordinator, for the first time or again.

        Parameters
        ----------
        dies_at
            Where it kills itself, as `support.coordinator_program` says.
        """
        spawner = self._faulty if dies_at else self._spawner
        await spawner.start(
            ServerSpec(
                COORDINATOR,
                Role.COORDINATOR,
                {
                    **({"DIES_AT": dies_at} if dies_at else {}),
                    "FEDOTA_COORDINATOR_FOLDER": str(self.folder.state),
                    "FEDOTA_COORDINATOR_PROBLEM_DIR": str(self.folder.folder),
                    "FEDOTA_COORDINATOR_KEYS": str(self.folder.keys_folder),
                    "FEDOTA_COORDINATOR_LISTEN": self.ports.coordinator_address,
                    "FEDOTA_COORDINATOR_STATUS_ADDRESS": self.ports.status_address,
                    "FEDOTA_COORDINATOR_SELECTOR_GRACE_S": "1.0",
                    **settings,
                },
            )
        )

    async def start_selector(self, number: int, public_address: str = "", **settings: str) -> None:
        """Start a selector, for the first time or again."""
        await self._spawner.start(
            ServerSpec(
                f"selector-{number}",
                Role.SELECTOR,
                {
                    "FEDOTA_SELECTOR_INDEX": str(number),
                    "FEDOTA_SELECTOR_PROBLEM_ID": self.keys.problem_id,
                    "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": self.ports.coordinator_address,
                    "FEDOTA_SELECTOR_LISTEN": self.ports.selector_listen(number),
                    "FEDOTA_SELECTOR_PUBLIC_ADDRESS": public_address
                    or self.ports.selector_address(number),
                    "FEDOTA_SELECTOR_KEYS": str(self.keys.selector(number)),
                    **settings,
                },
            )
        )

    async def kill(self, name: str) -> None:
        """End a server with SIGKILL."""
        for spawner in (self._spawner, self._faulty):
            await spawner.stop(name, grace_s=0)

    async def died(self, timeout_s: float = DEADLINE_S) -> None:
        """Wait until the coordinator has killed itself."""
        code = await self._faulty.poll(COORDINATOR, wait_s=timeout_s)
        assert code == -signal.SIGKILL, f"the coordinator ended with {code}"

    async def proxy(self, selector: int) -> TcpProxy:
        """Start a proxy in front of a selector."""
        made = TcpProxy(self.ports.selector_address(selector))
        await made.start()
        self._proxies.append(made)
        return made

    # Data holders.

    def enrol(
        self,
        name: str,
        *,
        seed: int | None = None,
        weight: int = 10,
        selectors: Sequence[int] = (1, 2),
        addresses: Sequence[tuple[str, int]] = (),
        valid_s: float = 3600.0,
    ) -> Member:
        """Make an invite and the folders of its holder's client.

        Parameters
        ----------
        selectors
            Those that the invite names.
        addresses
            Addresses and numbers of selectors, in place of those that they listen at.
        """
        named = addresses or [(self.ports.selector_address(n), n) for n in selectors]
        invite = self.folder.members.invite(
            self.keys,
            title="Small",
            name=name,
            valid_s=valid_s,
            selectors=[(at, selector_name(self.keys.problem_id, n)) for at, n in named],
        )
        if valid_s <= 0:
            expired = replace(invite, expires_unix_s=time.time() + valid_s)
            invite = sign_invite(self.keys.invite_key, expired)
        place = self.place / "clients" / name
        member = Member(
            invite,
            seed if seed is not None else len(self.members) + 1,
            weight,
            place / "data",
            place / "home",
        )
        member.data.mkdir(parents=True)
        (place / "invite").write_text(invite.text)
        self.members[name] = member
        return member

    def copy_of(self, member: Member, name: str) -> Member:
        """Copy a client's folder, key and all, as a holder would to another machine."""
        place = self.place / "clients" / name
        shutil.copytree(member.data.parent, place)
        return replace(member, data=place / "data", home=place / "home")

    def script(self, member: Member, **more: Any) -> None:
        """Write what the member's worker is told at its start."""
        script = {
            "port": self.director.port,
            "name": member.name,
            "seed": member.seed,
            "weight": member.weight,
            **more,
        }
        (member.data / "script.json").write_text(json.dumps(script))

    async def join(
        self, member: Member, *arguments: str, with_invite: bool = True, **settings: str
    ) -> Program:
        """Start the member's client: the real program with a scripted worker."""
        self.script(member)
        invite = [str(member.data.parent / "invite")] if with_invite else []
        env = environment(
            FEDOTA_CLIENT_RETRY_MOST_S="0.5",
            FEDOTA_CLIENT_EVALUATION_WAIT_S="5",
            **settings,
        )
        program = await Program.start(
            member.name,
            "support.client_program",
            [
                "join",
                *invite,
                "--data",
                str(member.data),
                "--home",
                str(member.home),
                "--yes",
                *arguments,
            ],
            env,
            self.place,
        )
        self.clients.append(program)
        return program

    async def join_all(self, *members: Member) -> list[Program]:
        """Start several clients at once."""
        return list(await asyncio.gather(*(self.join(member) for member in members)))

    # What happens.

    async def _watch(self) -> None:
        async with operator(self.folder) as client:
            async for message in client.watch():
                if message.HasField("event"):
                    self.events.put(message.event)
                else:
                    self.clocks.put(message.clock)

    async def command(self, **what: Any) -> str:
        """Give a command as the operator does, and return its answer."""
        async with operator(self.folder) as client:
            return await client.give(pb.Command(**what))

    async def state(self, state: str, *, after: int = 0, timeout_s: float = DEADLINE_S) -> None:
        """Wait until the problem is in that state."""
        await self.events.until(
            lambda event: event.HasField("state") and event.state.state == state,
            after=after,
            timeout_s=timeout_s,
        )

    async def clock(
        self, wanted: Callable[[pb.StatusClock], bool], timeout_s: float = DEADLINE_S
    ) -> pb.StatusClock:
        """Wait for a clock, from the newest on."""
        return await self.clocks.until(
            wanted, after=max(0, len(self.clocks.items) - 1), timeout_s=timeout_s
        )

    async def reported(self, count: int, server_round: int, stage: str = "reporting") -> None:
        """Wait until so many of a round's updates are held."""
        await self.clock(
            lambda clock: (
                (clock.clock.stage, clock.clock.round.server_round) == (stage, server_round)
                and clock.clock.reported >= count
            )
        )

    async def completed(
        self, server_round: int, *, after: int = 0, timeout_s: float = DEADLINE_S
    ) -> pb.RoundEnded:
        """Wait until a round is completed."""
        event = await self.events.until(
            lambda event: (
                event.HasField("round")
                and event.round.completed
                and event.round.round.server_round == server_round
            ),
            after=after,
            timeout_s=timeout_s,
        )
        return event.round

    async def abandoned(self, server_round: int, *, after: int = 0) -> pb.RoundEnded:
        """Wait until an attempt at a round is abandoned."""
        event = await self.events.until(
            lambda event: (
                event.HasField("round")
                and not event.round.completed
                and event.round.round.server_round == server_round
            ),
            after=after,
        )
        return event.round

    async def member_change(
        self, member: Member, change: str, *, after: int = 0, timeout_s: float = DEADLINE_S
    ) -> pb.MemberChanged:
        """Wait until something happens to a member: connected, gone, revoked …"""
        event = await self.events.until(
            lambda event: (
                event.HasField("member")
                and (event.member.node_id, event.member.change) == (member.node_id, change)
            ),
            after=after,
            timeout_s=timeout_s,
        )
        return event.member

    # What is left on disk.

    def history(self) -> tuple[Row, ...]:
        """Read the coordinator's history."""
        text = (self.folder.coordinator_folder / "history.jsonl").read_text()
        whole, _, _ = text.rpartition("\n")
        return tuple(row_from_document(json.loads(line)) for line in whole.splitlines())

    def rounds(self, *, completed: bool = True) -> list[RoundRow]:
        """List the history's rounds that were completed, or those that were abandoned."""
        rows = (row for row in self.history() if isinstance(row, RoundRow))
        return [row for row in rows if row.completed is completed]

    def evaluations(self) -> list[EvaluationRow]:
        """List the history's evaluations."""
        return [row for row in self.history() if isinstance(row, EvaluationRow)]

    def initial(self) -> dict[str, np.ndarray]:
        """Read the arrays that the training begins with."""
        return load_file(self.folder.initial_path)

    def arrays(self, server_round: int, generation: int = 0) -> dict[str, np.ndarray]:
        """Read a completed round's arrays."""
        checkpoints = self.folder.coordinator_folder / "checkpoints"
        found = [
            path
            for path in checkpoints.glob("g*-r*.arrays.safetensors")
            if [int(part[1:]) for part in path.name.partition(".")[0].split("-")]
            == [generation, server_round]
        ]
        assert len(found) == 1, sorted(path.name for path in checkpoints.iterdir())
        return load_file(found[0])

    def counted(self, row: RoundRow) -> dict[str, float]:
        """Map the names of those whose updates a round counted to their weights."""
        names = {member.node_id: member.name for member in self.members.values()}
        entries = [entry for entry in row.entries if entry.outcome == "counted"]
        found = {names[entry.node_id]: entry.weight for entry in entries}
        assert len(found) == len(entries), "somebody was counted twice"
        return found

    def tails(self) -> dict[str, str]:
        """Return the end of every process's log, for a test that failed."""
        tails = {
            path.stem: "\n".join(path.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
            for path in sorted(self.folder.logs.glob("*.log"))
        }
        for client in self.clients:
            tails[f"client {client.name}"] = "\n".join(client.lines.items[-_TAIL_LINES:])
        for path in sorted(self.place.glob("clients/*/home/client.log")):
            lines = path.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
            tails[f"client.log of {path.parent.parent.name}"] = "\n".join(lines)
        return tails


MakeWorld = Callable[..., Awaitable[World]]


async def _no_selectors(count: int) -> str:
    raise FedotaError(f"This test starts its selectors itself, not {count} of them.")
