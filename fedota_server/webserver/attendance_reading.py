"""How many of a problem's clients are ready, and how many are away: one query for a page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, or_
from sqlmodel import Session, col, select

from fedota_server.webserver.projection import AWAY, CONNECTED, ENDED, GONE, LEFT
from fedota_server.webserver.tables import ClientRow
from fedota_server.webserver.views.problem import AttendanceView

# A client loads its data before it takes part: whoever was connected has data that serves.
_TOOK_PART = (CONNECTED, GONE, AWAY)


def attendance_of(session: Session, problem_id: str, now: float) -> AttendanceView:
    """Count a problem's clients.

    Parameters
    ----------
    session
        Open.
    problem_id
        Whose clients.
    now
        Seconds since 1970; an invite that was not used in time counts no more.
    """
    row = ClientRow
    change = col(row.last_change)
    is_used = or_(
        col(row.bound_unix_s).is_not(None), col(row.ready), col(row.expires_unix_s) >= now
    )
    here = and_(change.not_in(ENDED), or_(change != "", is_used))
    ready = and_(here, or_(col(row.ready), change.in_(_TOOK_PART)))
    away = change == AWAY
    columns: tuple[Any, ...] = (
        _count(here),
        _count(ready),
        _count(away),
        _count(change == LEFT),
        func.min(case((away, col(row.away_until_unix_s)), else_=None)),
    )
    query = select(*columns).where(col(row.problem_id) == problem_id)
    clients, are_ready, are_away, have_left, back = session.exec(query).one()
    return AttendanceView(clients, are_ready, are_away, back, have_left)


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
