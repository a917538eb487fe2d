"""Rows of problems, memberships and clients, put straight into a database."""

from __future__ import annotations

from typing import Any

from fedota_server.webserver.database import Database, row_id
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import ClientRow, MembershipRow, ProblemRow, User

PROBLEM = "abcdef123456"


def add_owner(database: Database, name: str = "Olga") -> int:
    """Add a problem setter; returns the user's id."""
    with database.session() as session, session.begin():
        user = User(
            email=f"{name.lower()}@example.org", name=name, is_setter=True, created_unix_s=1.0
        )
        session.add(user)
        session.flush()
        return row_id(user.id)


def add_problem(database: Database, problem_id: str = PROBLEM, **fields: Any) -> str:
    """Add a published problem, with an owner of its own unless one is given."""
    owner = fields.pop("owner_id", None) or add_owner(database, f"Owner of {problem_id}")
    given = {"status": Status.READY, "rounds": 3, "selectors": 1, "title": "Small", **fields}
    with database.session() as session, session.begin():
        session.add(
            ProblemRow(
                id=problem_id, owner_id=owner, created_unix_s=1.0, updated_unix_s=1.0, **given
            )
        )
    return problem_id


def add_client(database: Database, node_id: int, problem_id: str = PROBLEM, **fields: Any) -> int:
    """Add a holder who takes part in a problem with one client; returns the node id."""
    holder = add_owner(database, f"Holder {node_id}")
    with database.session() as session, session.begin():
        membership = MembershipRow(
            problem_id=problem_id, user_id=holder, state="approved", requested_unix_s=1.0
        )
        session.add(membership)
        session.flush()
        session.add(
            ClientRow(
                node_id=node_id,
                problem_id=problem_id,
                membership_id=row_id(membership.id),
                name=f"client {node_id}",
                created_unix_s=1.0,
                **{"expires_unix_s": 1e10, **fields},
            )
        )
    return node_id


def problem_row(database: Database, problem_id: str = PROBLEM) -> ProblemRow:
    """Read a problem's row."""
    with database.session() as session:
        row = session.get(ProblemRow, problem_id)
    assert row is not None
    return row
