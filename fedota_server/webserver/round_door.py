"""Who calls the webserver's fl_round service, and for which problem."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlmodel import col, select

from fedota_proto.credential import Challenges
from fedota_proto.doorkeeper import Caller, Doorkeeper
from fedota_proto.errors import FolderError, InviteError, NotFoundError
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.database import Database
from fedota_server.webserver.projection import ENDED
from fedota_server.webserver.statuses import PUBLISHED
from fedota_server.webserver.tables import ClientRow, CommandRow, ProblemRow


@dataclass(frozen=True)
class Guest:
    """A caller who was let in.

    Parameters
    ----------
    caller
        Who it is.
    problem
        The problem's row, as it was then.
    folder
        The problem's.
    bound
        Whether its key is bound to its node id; else it came with a fresh invite.
    """

    caller: Caller
    problem: ProblemRow
    folder: ProblemFolder
    bound: bool


class RoundDoor:
    """Verifies callers as selectors do, by what the coordinators keep in their folders.

    Parameters
    ----------
    database
        Knows which client belongs to which problem, and which was revoked.
    folder_of
        The folder of a problem, by its id.
    clock, unix_clock
        Monotonic seconds, and seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        folder_of: Callable[[str], ProblemFolder],
        *,
        clock: Callable[[], float] = time.monotonic,
        unix_clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._folder_of = folder_of
        self._clock = clock
        self._unix_clock = unix_clock
        self._challenges = Challenges()
        self._signatures = self._doorkeeper("")

    def new_challenge(self) -> bytes:
        """Hand out a challenge."""
        return self._signatures.new_challenge()

    def identify(self, credential: bytes | None, method: str) -> Caller:
        """Check a call's signature, and use its challenge up.

        Raises
        ------
        AuthenticationError
            It lacks, is malformed, or does not fit.
        """
        return self._signatures.identify(credential, method)

    def admit(self, caller: Caller) -> Guest:
        """Let in a client of one of the platform's problems; blocks.

        Raises
        ------
        InviteError
            The membership has ended, or the invite is used, expired, foreign or another client's.
        AuthenticationError
            Nothing is bound yet and no invite came along.
        NotFoundError
            No such client was enrolled here.
        DatabaseError, FolderError
            The database does not answer; the problem's folder is damaged.
        """
        with self._database.session() as session:
            client = session.get(ClientRow, caller.node_id)
            problem = session.get(ProblemRow, client.problem_id) if client is not None else None
            revoking = session.exec(
                select(CommandRow.id).where(
                    col(CommandRow.what) == "revoke", col(CommandRow.value) == caller.node_id
                )
            ).first()
        if client is None or problem is None or problem.status not in PUBLISHED:
            raise NotFoundError(
                "This platform knows no such client: ask the problem's setter for an invite."
            )
        if client.last_change in ENDED or revoking is not None:
            raise InviteError(
                "The membership of this client has ended: ask the problem's setter for a new one."
            )
        folder = self._folder_of(problem.id)
        keys = folder.existing_keys()
        if keys is None:
            raise FolderError(
                f"The keys of problem {problem.id} are missing: restore its folder from a backup."
            )
        doorkeeper = self._doorkeeper(problem.id)
        doorkeeper.learn(_bindings(folder), keys.public_key("invite"))
        return Guest(caller, problem, folder, doorkeeper.check_invited(caller))

    def _doorkeeper(self, problem_id: str) -> Doorkeeper:
        return Doorkeeper(problem_id, self._challenges, self._clock, self._unix_clock)


def _bindings(folder: ProblemFolder) -> list[intra.Binding]:
    """Read which keys a problem's coordinator has bound; the last word on each node id counts.

    Raises
    ------
    FolderError
        The file is damaged.
    """
    path = folder.coordinator_folder / "bindings.jsonl"
    try:
        whole, _, _ = path.read_text().rpartition("\n")  # half a last line does not count
        rows = [json.loads(line) for line in whole.splitlines()]
        return [
            intra.Binding(
                node_id=row["node_id"],
                public_key=bytes.fromhex(row["public_key"]),
                revoked=bool(row["ended"]),
            )
            for row in rows
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"{path} is damaged: restore it from a backup.", detail=repr(error)
        ) from error
