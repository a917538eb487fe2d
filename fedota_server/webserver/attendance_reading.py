"""How many of a problem's clients are ready, and how many are away: one query for a page."""

from __future__ import annotations

from sqlalchemy import case, func, or_
from sqlmodel import Session, col, select

from fedota_server.webserver.projection import AWAY, CONNECTED, ENDED, GONE
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
    ready = or_(col(row.ready), col(row.last_change).in_(_TOOK_PART))
    away = col(row.last_change) == AWAY
    until = case((away, col(row.away_until_unix_s)), else_=None)
    query = select(
        func.count(),
        func.coalesce(func.sum(case((ready, 1), else_=0)), 0),
        func.coalesce(func.sum(case((away, 1), else_=0)), 0),
        func.min(until),
    ).where(
        col(row.problem_id) == problem_id,
        col(row.last_change).not_in(ENDED),
        or_(
            col(row.bound_unix_s).is_not(None),
            col(row.last_change) != "",
            col(row.ready),
            col(row.expires_unix_s) >= now,
        ),
    )
    clients, are_ready, are_away, back = session.exec(query).one()
    return AttendanceView(clients, int(are_ready), int(are_away), back)
