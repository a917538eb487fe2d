"""Lists of problems: each is one query, and one that counts."""

from __future__ import annotations

import re
from typing import Any

from sqlalchemy import ColumnElement, func
from sqlmodel import col, or_, select

from fedota_server.webserver.data_words import needs_words
from fedota_server.webserver.permissions import Action, Actor, may, require
from fedota_server.webserver.problems.use_cases import APPROVED, UseCases
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import MembershipRow, ProblemRow, User
from fedota_server.webserver.views.page import Page
from fedota_server.webserver.views.problem import ProblemCard

_LIMIT_MAX = 200
_SUMMARY_READ = 600
_SUMMARY_SHOWN = 200
_LINKS_AND_TAGS = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]*>")
_MARKS = re.compile(r"[*_`#>|~]+")


class Catalogue(UseCases):
    """What there is, a page at a time."""

    def catalogue(
        self,
        actor: Actor,
        *,
        search: str = "",
        status: str = "",
        mine: bool = False,
        offset: int = 0,
        limit: int = 24,
    ) -> Page[ProblemCard]:
        """List the published problems, newest first; archived ones are not in it.

        Parameters
        ----------
        search
            In title, description, and the setter's name.
        status
            Only those of this status.
        mine
            Only those that the actor takes part in or asked to.
        """
        require(actor, Action.SEE_CATALOGUE)
        wanted: list[ColumnElement[bool]] = [
            col(ProblemRow.status).not_in((Status.DRAFT, Status.ARCHIVED))
        ]
        if mine:
            wanted.append(_my_state(actor).in_((APPROVED, "requested")))
        return self._page(actor, wanted, search, status, offset, limit)

    def own(
        self,
        actor: Actor,
        *,
        search: str = "",
        status: str = "",
        offset: int = 0,
        limit: int = 24,
    ) -> Page[ProblemCard]:
        """List the problems that the actor set, drafts and archived ones too."""
        require(actor, Action.SEE_CATALOGUE)
        wanted: list[ColumnElement[bool]] = [col(ProblemRow.owner_id) == actor.user_id]
        return self._page(actor, wanted, search, status, offset, limit)

    def all(
        self,
        actor: Actor,
        *,
        search: str = "",
        status: str = "",
        offset: int = 0,
        limit: int = 24,
    ) -> Page[ProblemCard]:
        """List every problem of the platform, for an administrator."""
        require(actor, Action.SEE_ALL_PROBLEMS)
        return self._page(actor, [], search, status, offset, limit)

    def _page(
        self,
        actor: Actor,
        wanted: list[ColumnElement[bool]],
        search: str,
        status: str,
        offset: int,
        limit: int,
    ) -> Page[ProblemCard]:
        conditions = [*wanted, col(ProblemRow.owner_id) == col(User.id)]
        if status:
            conditions.append(col(ProblemRow.status) == status)
        if search.strip():
            texts = (ProblemRow.title, ProblemRow.description, User.name)
            conditions.append(
                or_(*(col(text).icontains(search.strip(), autoescape=True) for text in texts))
            )
        offset, limit = max(0, offset), max(1, min(limit, _LIMIT_MAX))
        newest = func.coalesce(ProblemRow.published_unix_s, ProblemRow.created_unix_s)
        query = (
            select(*_columns(actor))
            .where(*conditions)
            .order_by(newest.desc(), col(ProblemRow.id))
            .offset(offset)
            .limit(limit)
        )
        with self._database.session() as session:
            found = session.exec(query).all()
            total = offset + len(found)
            if len(found) == limit or (offset and not found):
                counted = select(func.count()).select_from(ProblemRow, User).where(*conditions)
                total = session.exec(counted).one()
        return Page(tuple(_card(actor, row) for row in found), total, offset, limit)


def _my_state(actor: Actor) -> ColumnElement[Any]:
    return (
        select(MembershipRow.state)
        .where(
            col(MembershipRow.problem_id) == col(ProblemRow.id),
            col(MembershipRow.user_id) == actor.user_id,
        )
        .scalar_subquery()
    )


def _members(state: str) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(MembershipRow)
        .where(
            col(MembershipRow.problem_id) == col(ProblemRow.id), col(MembershipRow.state) == state
        )
        .scalar_subquery()
    )


def _columns(actor: Actor) -> tuple[Any, ...]:
    row = ProblemRow
    return (
        col(row.id).label("problem_id"),
        row.title,
        func.substr(row.description, 1, _SUMMARY_READ).label("beginning"),
        row.owner_id,
        col(User.name).label("owner"),
        row.status,
        row.status_reason,
        row.wanted,
        row.admission,
        row.rounds,
        row.completed_round,
        row.draft,
        row.created_unix_s,
        row.updated_unix_s,
        row.published_unix_s,
        _members(APPROVED).label("members"),
        _members("requested").label("requests"),
        _my_state(actor).label("membership"),
    )


def _card(actor: Actor, row: Any) -> ProblemCard:
    draft: dict[str, dict[str, Any]] = row.draft
    data, rounds = draft.get("data", {}), draft.get("rounds", {})
    concerns = may(actor, Action.DECIDE_REQUEST, owner_id=row.owner_id)
    return ProblemCard(
        problem_id=row.problem_id,
        title=row.title,
        summary=plain_summary(row.beginning),
        owner_id=row.owner_id,
        owner=row.owner,
        status=row.status,
        status_reason=row.status_reason,
        wanted=row.wanted,
        admission=row.admission,
        rounds=row.rounds or int(rounds.get("rounds", 0)),
        completed_round=row.completed_round,
        kind=str(data.get("kind", "table")) if data else "",
        needs=needs_words(data),
        minimum_examples=int(data.get("minimum_examples", 10)) if data else 0,
        strategy=str(draft.get("strategy", {}).get("name", "")),
        goal_count=int(rounds.get("goal_count", 0)),
        minimum_reports=int(rounds.get("minimum_reports", 3)) if rounds else 0,
        members=row.members,
        requests=row.requests if concerns else 0,
        membership=row.membership or "",
        created_unix_s=row.created_unix_s,
        updated_unix_s=row.updated_unix_s,
        published_unix_s=row.published_unix_s,
    )


def plain_summary(markdown: str) -> str:
    """Take the beginning of a Markdown text as one plain line."""
    text = _LINKS_AND_TAGS.sub(lambda found: found[1] or " ", markdown)
    line = " ".join(_MARKS.sub("", text).split())
    return line if len(line) <= _SUMMARY_SHOWN else line[: _SUMMARY_SHOWN - 1].rstrip() + "…"
