"""The audit log: who did what, when. Rows are added and read, never changed."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from fedota_server.webserver.account_fields import printable
from fedota_server.webserver.database import Database, row_id
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.tables import AuditRow, ProblemRow

_MOST_ENTRIES = 1000


def record(
    session: Session,
    now: float,
    actor: Actor,
    action: str,
    *,
    problem_id: str = "",
    subject: str = "",
    detail: str = "",
) -> None:
    """Add an entry, in the transaction of the change that it tells of.

    Parameters
    ----------
    session
        Of the change: either both are kept, or neither.
    now
        Seconds since 1970.
    action
        What was done, in a few words: those of `Action`, where one fits.
    subject
        The user, round or client that it was done to.
    detail
        What the reader should know beside; never a secret.
    """
    session.add(
        AuditRow(
            unix_s=now,
            actor_id=actor.account_id,
            actor=actor.name[:80],
            action=action[:60],
            problem_id=problem_id,
            subject=subject[:200],
            detail=detail,
        )
    )


@dataclass(frozen=True)
class AuditEntry:
    """One entry, as it is shown.

    Parameters
    ----------
    entry_id
        Ascending in time; `before_id` of the next page.
    actor_id
        None for nobody signed in, and for what the platform did by itself.
    """

    entry_id: int
    unix_s: float
    actor_id: int | None
    actor: str
    action: str
    problem_id: str
    subject: str
    detail: str


class Audit:
    """Reads the log.

    Parameters
    ----------
    database
        Where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def entries(
        self,
        actor: Actor,
        *,
        problem_id: str = "",
        who: str = "",
        action: str = "",
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """List entries, newest first: all of them for an admin, a problem's for its owner too.

        Parameters
        ----------
        problem_id
            Only what was done to this problem.
        who, action
            Only entries whose actor, and whose action, contain these words.
        before_id
            Only entries older than this one.

        Raises
        ------
        SignInError, ForbiddenError
            The actor may not see them.
        """
        with self._database.session() as session:
            if problem_id:
                problem = session.get(ProblemRow, problem_id)
                owner_id = problem.owner_id if problem is not None else 0
                require(actor, Action.SEE_CHANGES, owner_id=owner_id)
            else:
                require(actor, Action.SEE_AUDIT)
            query = select(AuditRow).order_by(col(AuditRow.id).desc())
            if problem_id:
                query = query.where(AuditRow.problem_id == problem_id)
            who, action = printable(who), printable(action)
            if who:
                query = query.where(
                    or_(
                        col(AuditRow.actor).icontains(who, autoescape=True),
                        col(AuditRow.subject).icontains(who, autoescape=True),
                    )
                )
            if action:
                query = query.where(col(AuditRow.action).icontains(action, autoescape=True))
            if before_id is not None:
                query = query.where(col(AuditRow.id) < before_id)
            return [_entry(row) for row in session.exec(query.limit(min(limit, _MOST_ENTRIES)))]


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        entry_id=row_id(row.id),
        unix_s=row.unix_s,
        actor_id=row.actor_id,
        actor=row.actor,
        action=row.action,
        problem_id=row.problem_id,
        subject=row.subject,
        detail=row.detail,
    )
