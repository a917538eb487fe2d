"""Signed-in browsers: rows that a token opens, of which the database holds the hash alone."""

from __future__ import annotations

from sqlmodel import Session, col, delete, select, update

from fedota_server.webserver.account import SessionView
from fedota_server.webserver.account_fields import printable
from fedota_server.webserver.database import row_id
from fedota_server.webserver.secret_text import new_token, sha256_of
from fedota_server.webserver.tables import User, WebSession

# How exactly it is known when somebody was last seen: not every page view is a write.
SEEN_EVERY_S = 60.0

_MOST_SESSIONS = 50


def open_session(session: Session, user: User, browser: str, now: float, days: float) -> str:
    """Sign a browser in; the oldest of very many are signed out for it.

    Returns
    -------
    str
        The token for its cookie; it is nowhere else.
    """
    user_id = row_id(user.id)
    session.exec(delete(WebSession).where(col(WebSession.expires_unix_s) <= now))
    newest = (
        select(WebSession.id)
        .where(WebSession.user_id == user_id)
        .order_by(col(WebSession.last_seen_unix_s).desc(), col(WebSession.id).desc())
    )
    for outdated in session.exec(newest.offset(_MOST_SESSIONS - 1)).all():
        session.exec(delete(WebSession).where(col(WebSession.id) == outdated))
    token = new_token()
    session.add(
        WebSession(
            user_id=user_id,
            token_sha256=sha256_of(token),
            browser=printable(browser),
            created_unix_s=now,
            last_seen_unix_s=now,
            expires_unix_s=now + days * 86_400,
        )
    )
    user.last_seen_unix_s = now
    return token


def find_session(session: Session, token: str, now: float) -> tuple[WebSession, User] | None:
    """Find what a token opens: not once it has expired, or its account is disabled."""
    return session.exec(
        select(WebSession, User)
        .join(User, col(User.id) == col(WebSession.user_id))
        .where(
            WebSession.token_sha256 == sha256_of(token),
            WebSession.expires_unix_s > now,
            col(User.disabled).is_(False),
        )
    ).first()


def mark_seen(session: Session, found: WebSession, now: float) -> None:
    """Write down that somebody was there, unless another request just did."""
    before = now - SEEN_EVERY_S
    session.exec(
        update(WebSession)
        .where(col(WebSession.id) == found.id, col(WebSession.last_seen_unix_s) <= before)
        .values(last_seen_unix_s=now)
    )
    session.exec(
        update(User)
        .where(col(User.id) == found.user_id, col(User.last_seen_unix_s) <= before)
        .values(last_seen_unix_s=now)
    )


def end_sessions(session: Session, user_id: int, *, but_token: str = "") -> None:
    """Sign an account's browsers out, all but one where its token is given."""
    session.exec(
        delete(WebSession).where(
            col(WebSession.user_id) == user_id,
            col(WebSession.token_sha256) != sha256_of(but_token),
        )
    )


def session_views(session: Session, user_id: int, token: str, now: float) -> list[SessionView]:
    """List an account's signed-in browsers, the last seen first."""
    rows = session.exec(
        select(WebSession)
        .where(WebSession.user_id == user_id, WebSession.expires_unix_s > now)
        .order_by(col(WebSession.last_seen_unix_s).desc(), col(WebSession.id).desc())
    )
    own = sha256_of(token)
    return [
        SessionView(
            session_id=row_id(row.id),
            browser=row.browser,
            created_unix_s=row.created_unix_s,
            last_seen_unix_s=row.last_seen_unix_s,
            current=row.token_sha256 == own,
        )
        for row in rows
    ]
