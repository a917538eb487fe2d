"""Tokens for scripts: rows that a token opens, of which the database holds the hash alone."""

from __future__ import annotations

from sqlmodel import Session, col, delete, func, or_, select, update

from fedota_proto.errors import ConflictError, NotFoundError, UsageError
from fedota_server.webserver.account import TokenView
from fedota_server.webserver.account_fields import clean_name
from fedota_server.webserver.database import row_id
from fedota_server.webserver.secret_text import API_PREFIX, new_api_token, sha256_of
from fedota_server.webserver.sessions import SEEN_EVERY_S
from fedota_server.webserver.tables import ApiToken, User

_MOST_TOKENS = 50
_MOST_DAYS = 3660.0


def add_token(
    session: Session, user_id: int, name: str, days: float | None, now: float
) -> tuple[str, TokenView]:
    """Make a token.

    Returns
    -------
    tuple of str and TokenView
        The token, which is nowhere else, and what is shown of it.

    Raises
    ------
    UsageError
        The name is none, or the days are out of bounds.
    ConflictError
        The account has very many.
    """
    if days is not None and not 0 < days <= _MOST_DAYS:
        raise UsageError(f"A token lasts up to {_MOST_DAYS:g} days, or until it is revoked.")
    held = session.exec(select(func.count()).where(ApiToken.user_id == user_id)).one()
    if held >= _MOST_TOKENS:
        raise ConflictError(f"You have {held} tokens: revoke one that you no longer need.")
    token = new_api_token()
    row = ApiToken(
        user_id=user_id,
        name=clean_name(name, "token's name"),
        token_sha256=sha256_of(token),
        created_unix_s=now,
        expires_unix_s=None if days is None else now + days * 86_400,
    )
    session.add(row)
    session.flush()
    return token, _view(row)


def find_token(session: Session, token: str, now: float) -> tuple[ApiToken, User] | None:
    """Find what a token opens: not once it has expired, or its account is disabled."""
    if not token.startswith(API_PREFIX):
        return None
    return session.exec(
        select(ApiToken, User)
        .join(User, col(User.id) == col(ApiToken.user_id))
        .where(
            ApiToken.token_sha256 == sha256_of(token),
            or_(col(ApiToken.expires_unix_s).is_(None), col(ApiToken.expires_unix_s) > now),
            col(User.disabled).is_(False),
        )
    ).first()


def mark_used(session: Session, found: ApiToken, now: float) -> None:
    """Write down that a token was used, unless another request just did."""
    before = now - SEEN_EVERY_S
    used = col(ApiToken.last_used_unix_s)
    session.exec(
        update(ApiToken)
        .where(col(ApiToken.id) == found.id, or_(used.is_(None), used <= before))
        .values(last_used_unix_s=now)
    )


def token_views(session: Session, user_id: int) -> list[TokenView]:
    """List an account's tokens, the newest first."""
    rows = session.exec(
        select(ApiToken).where(ApiToken.user_id == user_id).order_by(col(ApiToken.id).desc())
    )
    return [_view(row) for row in rows]


def end_token(session: Session, user_id: int, token_id: int) -> str:
    """Revoke one of an account's tokens; returns its name.

    Raises
    ------
    NotFoundError
        The account has none of this number.
    """
    row = session.get(ApiToken, token_id)
    if row is None or row.user_id != user_id:
        raise NotFoundError("You have no such token: it may have been revoked already.")
    session.delete(row)
    return row.name


def end_tokens(session: Session, user_id: int) -> None:
    """Revoke all of an account's tokens."""
    session.exec(delete(ApiToken).where(col(ApiToken.user_id) == user_id))


def _view(row: ApiToken) -> TokenView:
    return TokenView(
        token_id=row_id(row.id),
        name=row.name,
        created_unix_s=row.created_unix_s,
        last_used_unix_s=row.last_used_unix_s,
        expires_unix_s=row.expires_unix_s,
    )
