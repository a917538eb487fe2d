"""Memberships and clients, read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, col, select

from fedota_server.webserver.client_views import client_views
from fedota_server.webserver.database import Database
from fedota_server.webserver.membership_view import membership_view
from fedota_server.webserver.permissions import Action, Actor, Role, require
from fedota_server.webserver.problems.use_cases import find_problem, membership_of
from fedota_server.webserver.tables import (
    ClientRow,
    MembershipRow,
    ProblemRow,
    UpdateRow,
    User,
)
from fedota_server.webserver.views.member import (
    ClientView,
    MembershipView,
    PartUpdateView,
    PartView,
    ReasonView,
)

_UPDATES_SHOWN = 500


class MembershipReading:
    """What members and setters read of memberships.

    Parameters
    ----------
    database
        Migrated.
    clock
        Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    def mine(self, actor: Actor) -> list[MembershipView]:
        """List the actor's own memberships and requests, the newest first."""
        require(actor, Action.SEE_CATALOGUE)
        return self._list([col(MembershipRow.user_id) == actor.user_id])

    def of_problem(self, actor: Actor, problem_id: str) -> list[MembershipView]:
        """List all memberships of a problem, for its owner and admins."""
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_MEMBERS)
        return self._list([col(MembershipRow.problem_id) == problem_id])

    def requests(self, actor: Actor) -> list[MembershipView]:
        """List the open requests that the actor decides on: of all problems, for an admin."""
        require(actor, Action.SEE_CATALOGUE)
        conditions: list[ColumnElement[bool]] = [col(MembershipRow.state) == "requested"]
        if not actor.is_a(Role.ADMIN):
            if not actor.is_a(Role.SETTER):
                return []
            conditions.append(col(ProblemRow.owner_id) == actor.user_id)
        return self._list(conditions)

    def clients(self, actor: Actor, problem_id: str) -> list[ClientView]:
        """List the actor's own clients in a problem, also those of a membership that ended."""
        with self._database.session() as session:
            problem = find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
            row = membership_of(session, problem.id, actor.user_id)
            return self._client_views(session, _clients(session, row), row) if row else []

    def my_part(self, actor: Actor, problem_id: str) -> PartView:
        """Add up what the actor's clients did in a problem."""
        with self._database.session() as session:
            problem = find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
            row = membership_of(session, problem.id, actor.user_id)
            clients = _clients(session, row) if row else []
            views = self._client_views(session, clients, row) if row else []
            updates = _updates(session, clients)
        return PartView(
            rounds=sum(view.rounds for view in views),
            counted=sum(view.counted for view in views),
            rejected=sum(view.rejected for view in views),
            examples=sum(view.examples for view in views),
            size_bytes=sum(view.size_bytes for view in views),
            reasons=_together(views),
            updates=updates,
        )

    def _client_views(
        self, session: Session, clients: Sequence[ClientRow], row: MembershipRow
    ) -> list[ClientView]:
        return client_views(session, clients, {row.id: row.state}, self._clock())

    def _shown(self, session: Session, row: MembershipRow, problem: ProblemRow) -> MembershipView:
        user = session.get_one(User, row.user_id)
        count = session.exec(
            select(func.count())
            .select_from(ClientRow)
            .where(col(ClientRow.membership_id) == row.id)
        ).one()
        return membership_view(row, problem, user, count)

    def _list(self, conditions: list[ColumnElement[bool]]) -> list[MembershipView]:
        clients = (
            select(func.count())
            .select_from(ClientRow)
            .where(col(ClientRow.membership_id) == col(MembershipRow.id))
            .scalar_subquery()
        )
        query = (
            select(MembershipRow, ProblemRow, User, clients)
            .where(
                col(MembershipRow.problem_id) == col(ProblemRow.id),
                col(MembershipRow.user_id) == col(User.id),
                *conditions,
            )
            .order_by(col(MembershipRow.requested_unix_s).desc(), col(MembershipRow.id).desc())
        )
        with self._database.session() as session:
            found = session.exec(query).all()
        return [membership_view(row, problem, user, count) for row, problem, user, count in found]


def _clients(session: Session, row: MembershipRow) -> Sequence[ClientRow]:
    return session.exec(
        select(ClientRow)
        .where(col(ClientRow.membership_id) == row.id)
        .order_by(col(ClientRow.created_unix_s), col(ClientRow.name))
    ).all()


def _updates(session: Session, clients: Sequence[ClientRow]) -> tuple[PartUpdateView, ...]:
    names = {client.node_id: client.name for client in clients}
    found = session.exec(
        select(UpdateRow)
        .where(col(UpdateRow.node_id).in_(list(names)))
        .order_by(col(UpdateRow.id).desc())
        .limit(_UPDATES_SHOWN)
    )
    return tuple(
        PartUpdateView(client=names[row.node_id], **row.model_dump(exclude={"id", "problem_id"}))
        for row in found
    )


def _together(views: Sequence[ClientView]) -> tuple[ReasonView, ...]:
    counts: dict[tuple[str, str, str], int] = {}
    for view in views:
        for one in view.reasons:
            key = (one.outcome, one.code, one.reason)
            counts[key] = counts.get(key, 0) + one.count
    reasons = [ReasonView(*key, count) for key, count in counts.items()]
    return tuple(sorted(reasons, key=lambda one: -one.count))
