"""Taking part in problems: asking, deciding, enrolling clients, leaving."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from fedota_proto.errors import ConflictError, NotFoundError, UsageError
from fedota_server.authority import PlatformHome
from fedota_server.webserver.audit import record
from fedota_server.webserver.client_views import ENDED, client_state
from fedota_server.webserver.database import Database
from fedota_server.webserver.invites import Invites
from fedota_server.webserver.membership_reading import MembershipReading
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.use_cases import (
    APPROVED,
    find_problem,
    give_command,
    membership_of,
    problem_folder,
)
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import ClientRow, MembershipRow, ProblemRow, User
from fedota_server.webserver.views.member import ClientView, MembershipView

CLIENTS_MAX = 20
INVITE_DAYS = 14
REQUESTED = "requested"
_NOTE_MAX = 1000
_DAY_S = 86_400.0
_CLIENT_NAME = re.compile(r"\w[\w .@+-]{0,79}")


class Memberships(MembershipReading):
    """The use cases of memberships; methods may be called from any thread.

    Every method checks first who asks, then the problem's status, then acts; a change and its
    entry in the audit log are one transaction.

    Parameters
    ----------
    database
        Migrated.
    home
        The platform's folder.
    round_address
        Where data holders reach the webserver's own fl_round service; it stands in invites.
    wake
        Has the supervisor look at the database again; callable from any thread.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        home: PlatformHome,
        *,
        round_address: Callable[[], str],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(database, clock)
        self._wake = wake
        self._invites = Invites(lambda problem_id: problem_folder(home, problem_id), round_address)

    def join(self, actor: Actor, problem_id: str, note: str = "") -> MembershipView:
        """Take part: at once where anyone may, else when the setter has approved.

        Whoever was revoked needs the setter's approval, also where anyone may join.

        Raises
        ------
        ConflictError
            They take part already or have asked to, or the problem is over.
        UsageError
            The note is too long.
        """
        if len(note) > _NOTE_MAX:
            raise UsageError(f"The note has {len(note)} characters; {_NOTE_MAX} are allowed.")
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.JOIN, writing=True)
            refuse_unless("join", Status(problem.status))
            row = membership_of(session, problem.id, actor.user_id)
            if row is not None and row.state in (APPROVED, REQUESTED):
                said = "take part" if row.state == APPROVED else "have asked to take part"
                raise ConflictError(f"You {said} in this problem already.")
            now = self._clock()
            at_once = problem.admission == "anyone" and not (row and row.state == "revoked")
            if row is None:
                row = MembershipRow(
                    problem_id=problem.id,
                    user_id=actor.user_id,
                    state=REQUESTED,
                    requested_unix_s=now,
                )
            row.state = APPROVED if at_once else REQUESTED
            row.note, row.requested_unix_s = note.strip(), now
            row.decided_unix_s, row.decided_by = (now if at_once else None), None
            session.add(row)
            detail = "admitted at once" if at_once else "asked to"
            record(session, now, actor, Action.JOIN, problem_id=problem.id, detail=detail)
            session.flush()
            return self._shown(session, row, problem)

    def withdraw(self, actor: Actor, problem_id: str) -> None:
        """Take a request back that was not decided yet."""
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.JOIN, writing=True)
            row = membership_of(session, problem.id, actor.user_id)
            if row is None or row.state != REQUESTED:
                raise ConflictError("You have no open request to join this problem.")
            row.state = "withdrawn"
            session.add(row)
            record(session, self._clock(), actor, "withdraw a request", problem_id=problem.id)

    def decide(self, actor: Actor, problem_id: str, user_id: int, approve: bool) -> MembershipView:
        """Approve or decline a request.

        Raises
        ------
        NotFoundError
            This user has no open request.
        """
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.DECIDE_REQUEST, writing=True)
            row = membership_of(session, problem.id, user_id)
            if row is None or row.state != REQUESTED:
                raise NotFoundError("There is no open request of this user: it was withdrawn.")
            if approve:
                refuse_unless("join", Status(problem.status))
            row.state = APPROVED if approve else "declined"
            row.decided_unix_s, row.decided_by = self._clock(), actor.account_id
            session.add(row)
            user = session.get(User, user_id)
            record(
                session,
                row.decided_unix_s,
                actor,
                Action.DECIDE_REQUEST,
                problem_id=problem.id,
                subject=user.name if user else "",
                detail=row.state,
            )
            session.flush()
            return self._shown(session, row, problem)

    def leave(self, actor: Actor, problem_id: str) -> None:
        """End one's own membership: every client's open streams end, and none comes in again."""
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.LEAVE, writing=True)
            row = membership_of(session, problem.id, actor.user_id)
            if row is not None:
                self._end(session, problem, row, "left", actor)
            record(session, self._clock(), actor, Action.LEAVE, problem_id=problem.id)
        self._wake()

    def revoke(self, actor: Actor, problem_id: str, user_id: int) -> None:
        """End somebody's membership, as `leave` does.

        Raises
        ------
        NotFoundError
            This user takes no part.
        """
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.REVOKE_MEMBER, writing=True)
            row = membership_of(session, problem.id, user_id)
            if row is None or row.state != APPROVED:
                raise NotFoundError("This user takes no part in the problem.")
            self._end(session, problem, row, "revoked", actor)
            user = session.get(User, user_id)
            record(
                session,
                self._clock(),
                actor,
                Action.REVOKE_MEMBER,
                problem_id=problem.id,
                subject=user.name if user else "",
            )
        self._wake()

    def enrol(self, actor: Actor, problem_id: str, name: str) -> ClientView:
        """Enrol one more client, which an invite then binds.

        Raises
        ------
        UsageError
            The name cannot be used.
        ConflictError
            It is taken, there are too many, or the problem is over.
        """
        if not _CLIENT_NAME.fullmatch(name) or name.endswith((".", " ")):
            raise UsageError(
                f"{name[:80]!r} cannot name a client: use up to 80 letters, digits, spaces and "
                "any of . _ - + @, beginning with a letter or digit."
            )
        with self._database.session() as session, session.begin():
            problem = find_problem(session, actor, problem_id, Action.MAKE_INVITE, writing=True)
            refuse_unless("enrol clients in", Status(problem.status))
            row = membership_of(session, problem.id, actor.user_id)
            if row is None or row.id is None:
                raise NotFoundError("You take no part in this problem.")
            now = self._clock()
            standing = [
                client
                for client in _clients_of(session, row.id)
                if client_state(client, row.state, now) not in (*ENDED, "expired")
            ]
            if len(standing) >= CLIENTS_MAX:
                raise ConflictError(
                    f"You have {CLIENTS_MAX} clients in this problem, and more cannot be had."
                )
            if any(client.name == name for client in standing):
                raise ConflictError(f"You have a client {name} already: choose another name.")
            client = ClientRow(
                node_id=1 + secrets.randbelow((1 << 63) - 1),
                problem_id=problem.id,
                membership_id=row.id,
                name=name,
                created_unix_s=now,
                expires_unix_s=now + INVITE_DAYS * _DAY_S,
            )
            session.add(client)
            record(session, now, actor, Action.MAKE_INVITE, problem_id=problem.id, subject=name)
            session.flush()
            (view,) = self._client_views(session, [client], row)
            return view

    def invite_text(self, actor: Actor, problem_id: str, node_id: int) -> str:
        """Write the invite of one of one's clients, as long as it was not used.

        Raises
        ------
        NotFoundError
            The actor has no such client.
        ConflictError
            The invite was used, is expired, or the client's membership ended.
        """
        with self._database.session() as session:
            problem = find_problem(session, actor, problem_id, Action.MAKE_INVITE)
            refuse_unless("enrol clients in", Status(problem.status))
            row = membership_of(session, problem.id, actor.user_id)
            client = session.get(ClientRow, node_id)
            if row is None or client is None or client.membership_id != row.id:
                raise NotFoundError("You have no such client in this problem.")
            state = client_state(client, row.state, self._clock())
            if state == "expired":
                raise ConflictError("This invite was not used in time: enrol a new client.")
            if state != "never connected":
                raise ConflictError(
                    "This invite was used: it opens nothing any more. To run one more client, "
                    "enrol one."
                )
            return self._invites.text(session, problem, client)

    def _end(
        self,
        session: Session,
        problem: ProblemRow,
        row: MembershipRow,
        how: str,
        actor: Actor,
    ) -> None:
        """End a membership; the coordinator is told for each client, now or when it runs again."""
        now = self._clock()
        row.state, row.decided_unix_s, row.decided_by = how, now, actor.account_id
        session.add(row)
        for client in _clients_of(session, row.id or 0):
            if client.last_change in ENDED:
                continue
            client.last_change, client.last_change_unix_s = how, now
            client.ready = False
            session.add(client)
            give_command(session, problem.id, "revoke", client.node_id, actor, now)


def _clients_of(session: Session, membership_id: int) -> Sequence[ClientRow]:
    return session.exec(
        select(ClientRow)
        .where(col(ClientRow.membership_id) == membership_id)
        .order_by(col(ClientRow.created_unix_s), col(ClientRow.name))
    ).all()
