"""What every use case starts from, and how it finds the problem that it is asked about."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from threading import Lock

from sqlmodel import Session, select

from fedota_proto.errors import NotFoundError
from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Action, Actor, Relation, relations, require
from fedota_server.webserver.problem_ports import ProblemPorts
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import CommandRow, MembershipRow, ProblemRow

APPROVED = "approved"
_ID_BYTES = 6
_COMMAND_BYTES = 16


def new_id() -> str:
    """Make the id of a problem or job: twelve hexadecimal digits."""
    return secrets.token_hex(_ID_BYTES)


def problem_folder(home: PlatformHome, problem_id: str) -> ProblemFolder:
    """Return the folder of a problem of the platform."""
    return ProblemFolder(home.folder / "problems" / problem_id)


def membership_of(session: Session, problem_id: str, user_id: int) -> MembershipRow | None:
    """Find somebody's membership of a problem, whatever its state."""
    return session.exec(
        select(MembershipRow).where(
            MembershipRow.problem_id == problem_id, MembershipRow.user_id == user_id
        )
    ).first()


def find_problem(
    session: Session, actor: Actor, problem_id: str, action: Action, *, writing: bool = False
) -> ProblemRow:
    """Find a problem for somebody who wants to do something with it.

    Parameters
    ----------
    session
        Open.
    actor, problem_id, action
        Who wants what.
    writing
        Whether the row is to be changed: others then wait until the transaction ends.

    Raises
    ------
    SignInError
        Nobody is signed in.
    NotFoundError
        There is none, or it is somebody else's draft.
    ForbiddenError
        The action is not theirs.
    """
    if not actor.signed_in:
        require(actor, action)
    row = session.get(ProblemRow, problem_id, with_for_update=writing or None)
    if row is None or (row.status == Status.DRAFT and not _may_know_draft(actor, row)):
        raise NotFoundError(
            "There is no such problem: it was removed, or the address is wrong. Look for it in "
            "the catalogue."
        )
    membership = membership_of(session, row.id, actor.user_id) if actor.user_id else None
    member = membership is not None and membership.state == APPROVED
    require(actor, action, owner_id=row.owner_id, member=member)
    return row


def _may_know_draft(actor: Actor, row: ProblemRow) -> bool:
    found = relations(actor, owner_id=row.owner_id)
    return bool(found & {Relation.OWNER, Relation.ADMIN})


def give_command(
    session: Session, problem_id: str, what: str, value: int, actor: Actor, now: float
) -> str:
    """Leave a command for a problem's coordinator; it is kept until it is answered.

    Returns
    -------
    str
        Its id.
    """
    row = CommandRow(
        id=secrets.token_hex(_COMMAND_BYTES),
        problem_id=problem_id,
        what=what,
        value=value,
        actor_id=actor.account_id,
        created_unix_s=now,
    )
    session.add(row)
    return row.id


class UseCases:
    """What the use cases of problems work with; safe to use from several threads.

    Parameters
    ----------
    database
        Migrated.
    settings
        Of the webserver.
    home
        The platform's folder, with its CA.
    wake
        Has the supervisor and the job desk look at the database again; callable from any thread.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        settings: WebserverSettings,
        home: PlatformHome,
        *,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._home = home
        self._wake = wake
        self._clock = clock
        self._locks: dict[str, Lock] = {}
        self._locks_lock = Lock()
        self._ports = ProblemPorts(home, settings)

    def _folder(self, problem_id: str) -> ProblemFolder:
        return problem_folder(self._home, problem_id)

    def _alone_in(self, problem_id: str) -> AbstractContextManager[bool]:
        """Let one thread at a time change a problem's files."""
        with self._locks_lock:
            return self._locks.setdefault(problem_id, Lock())

    def _keep_ports(self, problem_id: str, selectors: int) -> None:
        """Choose ports for a problem's servers, none that another problem keeps."""
        self._ports.keep(self._folder(problem_id), selectors)
