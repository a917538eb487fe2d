"""Who takes part in a problem, as its setter sees it."""

from __future__ import annotations

from collections import defaultdict

from sqlmodel import col, select

from fedota_server.webserver.client_views import client_views
from fedota_server.webserver.membership_view import membership_view
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.use_cases import UseCases, find_problem
from fedota_server.webserver.tables import ClientRow, MembershipRow, User
from fedota_server.webserver.views.member import ClientView, MemberView


class MembersReading(UseCases):
    """Members, each with its clients."""

    def members(self, actor: Actor, problem_id: str) -> list[MemberView]:
        """List every membership of a problem, also those that ended, by the holder's name."""
        with self._database.session() as session:
            problem = find_problem(session, actor, problem_id, Action.SEE_MEMBERS)
            memberships = session.exec(
                select(MembershipRow, User)
                .where(
                    col(MembershipRow.problem_id) == problem.id,
                    col(MembershipRow.user_id) == col(User.id),
                )
                .order_by(col(User.name), col(MembershipRow.id))
            ).all()
            clients = session.exec(
                select(ClientRow)
                .where(col(ClientRow.problem_id) == problem.id)
                .order_by(col(ClientRow.created_unix_s), col(ClientRow.name))
            ).all()
            states = {row.id: row.state for row, _ in memberships}
            shown = client_views(session, clients, states, self._clock())
        views: dict[int | None, list[ClientView]] = defaultdict(list)
        for client, view in zip(clients, shown, strict=True):
            views[client.membership_id].append(view)
        return [
            MemberView(
                membership_view(row, problem, user, len(views[row.id])),
                tuple(views[row.id]),
            )
            for row, user in memberships
        ]
