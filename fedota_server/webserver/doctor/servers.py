"""The servers of problems: those that could not be started, or are being tried again."""

from __future__ import annotations

from sqlmodel import col, select

from fedota_proto.errors import DatabaseError
from fedota_server.spawners.engine_words import divided
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning
from fedota_server.webserver.reconcile import Phase
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import ProblemRow, ServerRow

_NAME = "servers"
_AGAIN = "Put right what is wrong: it is tried again."


def check_servers(database: Database) -> list[Finding]:
    """Look at what was last seen of the servers of problems that want some.

    Parameters
    ----------
    database
        Not necessarily there.
    """
    found: list[Finding] = []
    for server, status in _troubled(database):
        what, remedy = divided(server.detail.strip() or "it did not last")
        told = f"{server.name} of problem {server.problem_id} "
        if server.state == Phase.BACKING_OFF:
            found.append(warning(_NAME, f"{told}is tried again: {what}", remedy or _AGAIN))
        elif status == Status.FAILED:
            again = f"{remedy} Then resume the problem.".strip()
            found.append(problem(_NAME, f"{told}was given up: {what}", again))
    return found or [fine(_NAME, "none is given up, and none waits to be tried again")]


def _troubled(database: Database) -> list[tuple[ServerRow, str]]:
    try:
        if (database.file is not None and not database.file.exists()) or not database.revision():
            return []
        with database.session() as session:
            rows = session.exec(
                select(ServerRow, ProblemRow.status)
                .join(ProblemRow, col(ProblemRow.id) == col(ServerRow.problem_id))
                .where(col(ServerRow.state).in_((Phase.BACKING_OFF, Phase.GIVEN_UP)))
                .order_by(col(ServerRow.problem_id), col(ServerRow.name))
            ).all()
            return [(server, status) for server, status in rows]
    except DatabaseError:
        return []  # which is said where the database is looked at
