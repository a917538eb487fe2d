"""fl_round for problems whose selectors do not run: completed ones, and ones not started yet.

Every invite names its address. It answers `Hello`, `Describe`, `Fetch` and `Tell`; whoever wants to
take part in rounds is sent to the selectors.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from sqlmodel import col, select

from fedota_proto.credential import METADATA_KEY, PROTOCOL
from fedota_proto.doorkeeper import check_version
from fedota_proto.errors import BusyError, ConflictError, FolderError, ServerStartError
from fedota_proto.grpc_errors import ErrorInterceptor
from fedota_proto.problem import PROBLEM_FILE
from fedota_proto.release import release
from fedota_proto.tls import ServerIdentity, selector_name, server_credentials, server_options
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.event_store import event_from_line
from fedota_server.ports import Ports
from fedota_server.webserver.database import Database
from fedota_server.webserver.live import Live
from fedota_server.webserver.permissions import NOBODY
from fedota_server.webserver.problems.use_cases import give_command
from fedota_server.webserver.projection import ENDED
from fedota_server.webserver.round_door import Guest, RoundDoor
from fedota_server.webserver.round_files import RoundFiles
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import ClientRow, EventRow, ProblemRow
from fedota_server.webserver.threads import in_thread

SERVICE = "fedota.v1.FlRound"

_OUTCOMES_MAX = 64
_STALL_S = 60.0
_STOP_S = 1.0
_AT_SELECTORS_S = 1.0
_NOT_STARTED_S = 10.0
_OVER = (Status.COMPLETED, Status.ARCHIVED)

_Context = grpc.aio.ServicerContext[Any, Any]


class RoundService:
    """Answers data holders' clients; nothing that it does needs a coordinator.

    Parameters
    ----------
    database
        Migrated.
    door
        Lets callers in.
    wake
        Called when a client has left, so that its problem's coordinator hears of it.
    clock
        Seconds since 1970.
    live
        Knows where selectors are that moved to another node.
    """

    def __init__(
        self,
        database: Database,
        door: RoundDoor,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        live: Live | None = None,
    ) -> None:
        self._database = database
        self._door = door
        self._wake = wake
        self._clock = clock
        self._live = live or Live()
        self._files = RoundFiles()
        self._version = records_pb.Version(protocol=PROTOCOL, release=release())

    @asynccontextmanager
    async def serving(
        self, address: str, identity: ServerIdentity, ca_pem: bytes
    ) -> AsyncIterator[None]:
        """Serve for as long as the block lasts.

        Parameters
        ----------
        address
            Where to listen.
        identity
            The webserver's certificate.
        ca_pem
            The platform's CA.

        Raises
        ------
        ServerStartError
            The port is taken.
        """
        server = grpc.aio.server(interceptors=(ErrorInterceptor(),), options=server_options())
        server.add_registered_method_handlers(SERVICE, self._handlers())
        try:
            server.add_secure_port(
                address, server_credentials(identity, ca_pem, require_client=False)
            )
        except RuntimeError as error:
            raise ServerStartError(
                f"{address}, where data holders reach completed problems, is taken by another "
                "program: end that one, or name another port in FEDOTA_ROUND_PORT (invites that "
                "name the old one must then be made again).",
                detail=str(error),
            ) from error
        await server.start()
        try:
            yield
        finally:
            await server.stop(_STOP_S)

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        unary: Any = grpc.unary_unary_rpc_method_handler
        stream: Any = grpc.unary_stream_rpc_method_handler
        return {
            "Hello": unary(self.hello, pb.HelloRequest.FromString, pb.HelloReply.SerializeToString),
            "Describe": unary(
                self.describe, pb.DescribeRequest.FromString, pb.DescribeReply.SerializeToString
            ),
            "Fetch": stream(self.fetch, pb.FetchRequest.FromString, pb.FileChunk.SerializeToString),
            "Tell": unary(self.tell, pb.TellRequest.FromString, pb.TellReply.SerializeToString),
        }

    async def hello(self, request: pb.HelloRequest, context: _Context) -> pb.HelloReply:
        """Compare versions and hand out a challenge; no problem is named, since all are here.

        Raises
        ------
        VersionError
            The client speaks another protocol.
        """
        check_version(request.version, peer="client", us="webserver", release=release())
        return pb.HelloReply(
            version=self._version, challenge=self._door.new_challenge(), unix_s=self._clock()
        )

    async def describe(self, request: pb.DescribeRequest, context: _Context) -> pb.DescribeReply:
        """Say what the problem is and where it stands; an invite alone is enough.

        Raises
        ------
        FedotaError
            The caller is not let in, or something of the problem cannot be read.
        """
        return await in_thread(self._describe, await self._guest(context, "Describe"))

    async def fetch(self, request: pb.FetchRequest, context: _Context) -> None:
        """Send a file to a client whose key is bound.

        Raises
        ------
        FedotaError
            The caller is not let in, or there is no such file.
        """
        guest = await self._guest(context, "Fetch")
        if not guest.bound:
            raise _unbound(guest.problem)
        file = await self._files.open(guest.problem, guest.folder, request)
        async for chunk in file.chunks():
            try:
                async with asyncio.timeout(_STALL_S):
                    await context.write(chunk)
            except TimeoutError:
                raise BusyError(
                    "This client has read nothing for too long: fetch it again.",
                    retry_after_s=_AT_SELECTORS_S,
                ) from None

    async def tell(self, request: pb.TellRequest, context: _Context) -> pb.TellReply:
        """Take in what a client says of itself.

        Raises
        ------
        FedotaError
            The caller is not let in.
        """
        guest = await self._guest(context, "Tell")
        if request.kind == pb.TellRequest.LEAVING:
            await in_thread(self._leave, guest)
            self._wake()
        elif request.kind == pb.TellRequest.READY and guest.problem.status not in _OVER:
            await in_thread(self._note_ready, guest)  # which opens nothing, so it binds nothing
        elif not guest.bound:
            raise _unbound(guest.problem)
        return pb.TellReply()

    async def _guest(self, context: _Context, method: str) -> Guest:
        credential: bytes | None = None
        metadata: Any = context.invocation_metadata() or ()
        for key, value in metadata:
            if key == METADATA_KEY and isinstance(value, bytes):
                credential = value
        return await in_thread(self._door.admit, self._door.identify(credential, method))

    def _describe(self, guest: Guest) -> pb.DescribeReply:
        folder, problem = guest.folder, guest.problem
        try:
            problem_toml = (folder.folder / PROBLEM_FILE).read_text()
            manifest_json = folder.manifest_path.read_text()
            model_size_bytes = folder.model_path().stat().st_size
        except OSError as error:
            raise FolderError(
                "The platform cannot read this problem's files at present.", detail=repr(error)
            ) from error
        return pb.DescribeReply(
            problem_id=problem.id,
            problem_toml=problem_toml,
            manifest_json=manifest_json,
            model_sha256=bytes.fromhex(folder.identity().model_sha256),
            model_size_bytes=model_size_bytes,
            state=problem.status,
            completed_round=problem.completed_round,
            selectors=self._selectors(guest),
            outcomes=self._outcomes(guest),
        )

    def _selectors(self, guest: Guest) -> list[pb.SelectorAddress]:
        """List where the problem's selectors are, as long as they are to run.

        A selector's own word, which its coordinator passes on, goes before what was planned.
        """
        problem, ports = guest.problem, Ports.load(guest.folder.ports_path)
        if problem.wanted != "serving" or ports is None:
            return []
        clock = self._live.clock(problem.id)
        told = {} if clock is None else {one.name: one.address for one in clock.selectors}
        numbers = range(1, min(problem.selectors, len(ports.selectors)) + 1)
        names = {number: selector_name(problem.id, number) for number in numbers}
        return [
            pb.SelectorAddress(
                address=told.get(name) or ports.selector_address(number), server_name=name
            )
            for number, name in names.items()
        ]

    def _outcomes(self, guest: Guest) -> list[pb.Outcome]:
        """Find the newest outcomes of a client's updates, as the coordinator signed them."""
        node_id = guest.caller.node_id
        with self._database.session() as session:
            bodies = session.exec(
                select(EventRow.body)
                .where(
                    col(EventRow.problem_id) == guest.problem.id,
                    col(EventRow.kind) == "update",
                    col(EventRow.body).contains(f'"node_id":"{node_id}"'),
                )
                .order_by(col(EventRow.id).desc())
                .limit(_OUTCOMES_MAX)
            ).all()
        return _ours(bodies, node_id)

    def _note_ready(self, guest: Guest) -> None:
        with self._database.session() as session, session.begin():
            row = session.get(ClientRow, guest.caller.node_id)
            if row is not None and row.last_change not in ENDED:
                row.ready = True
                session.add(row)

    def _leave(self, guest: Guest) -> None:
        """End a client's membership here; its coordinator hears of it when it next runs."""
        now = self._clock()
        with self._database.session() as session, session.begin():
            row = session.get(ClientRow, guest.caller.node_id)
            if row is not None:
                row.last_change, row.last_change_unix_s, row.ready = "left", now, False
                session.add(row)
                give_command(session, guest.problem.id, "revoke", row.node_id, NOBODY, now)


def _ours(bodies: Sequence[str], node_id: int) -> list[pb.Outcome]:
    updates = [event_from_line(body).update for body in reversed(bodies)]
    return [update.outcome for update in updates if update.node_id == node_id]


def _unbound(problem: ProblemRow) -> BusyError | ConflictError:
    """Say why a client cannot be enrolled here and now: its coordinator alone binds keys."""
    if problem.status in _OVER:
        return ConflictError(f"This problem is {problem.status}: there is nothing left to train.")
    if problem.wanted == "serving":
        return BusyError("Clients are enrolled by the selectors.", retry_after_s=_AT_SELECTORS_S)
    return BusyError(
        "This problem is not being served yet; the client goes on as soon as its setter starts it.",
        retry_after_s=_NOT_STARTED_S,
    )
