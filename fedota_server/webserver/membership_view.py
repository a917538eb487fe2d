"""A membership's row, shown."""

from __future__ import annotations

from fedota_server.webserver.tables import MembershipRow, ProblemRow, User
from fedota_server.webserver.views.member import MembershipView


def membership_view(
    row: MembershipRow, problem: ProblemRow, user: User, clients: int
) -> MembershipView:
    """Show a membership.

    Parameters
    ----------
    row, problem, user
        It, what it is of, and whose it is.
    clients
        How many were enrolled.
    """
    return MembershipView(
        problem_id=problem.id,
        title=problem.title,
        status=problem.status,
        user_id=row.user_id,
        name=user.name,
        email=user.email,
        state=row.state,
        note=row.note,
        requested_unix_s=row.requested_unix_s,
        decided_unix_s=row.decided_unix_s,
        clients=clients,
    )
