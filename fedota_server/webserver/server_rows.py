"""What the supervisor reads from the database, and what it writes there."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select, update

from fedota_server.server_specs import COORDINATOR
from fedota_server.webserver.database import Database
from fedota_server.webserver.projection import note_clients_gone, note_state
from fedota_server.webserver.reconcile import Observed, Phase
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import CommandRow, ProblemRow, ServerRow

logger = logging.getLogger(__name__)

_SERVING, _STOPPED = "serving", "stopped"
_AT_REST = (Phase.STOPPED, Phase.GIVEN_UP)
_ADDRESS_MAX = 120
_REMEDY = "Look at its log, put right what is wrong, and resume the problem."

# How a phase is told; one that is being stopped runs until it has.
_WORDS = {Phase.UNKNOWN: Phase.STARTING, Phase.STOPPING: Phase.RUNNING}


@dataclass(frozen=True)
class Wish:
    """What the database wants of a problem's servers.

    Parameters
    ----------
    problem_id
        Which problem.
    wanted
        Whether they are to run.
    selectors
        How many selectors.
    completed
        Whether there is nothing left to train.
    has_commands
        Whether its coordinator has commands to answer.
    known
        Servers that run or may run, by the last that was written.
    """

    problem_id: str
    wanted: bool
    selectors: int
    completed: bool
    has_commands: bool
    known: frozenset[str]


class ServerRows:
    """The supervisor's view of the database; every method blocks.

    Parameters
    ----------
    database
        Migrated.
    clock
        Seconds since 1970.
    """

    def __init__(self, database: Database, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def wishes(self) -> list[Wish]:
        """List the problems whose servers run, may run or are to run.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        running = (
            select(ServerRow.problem_id).where(col(ServerRow.state).not_in(_AT_REST)).distinct()
        )
        commanded = (
            select(CommandRow.problem_id)
            .where(col(CommandRow.answered_unix_s).is_(None))
            .distinct()
        )
        with self._database.session() as session:
            found = session.exec(
                select(
                    ProblemRow.id, ProblemRow.wanted, ProblemRow.selectors, ProblemRow.status
                ).where(or_(col(ProblemRow.wanted) == _SERVING, col(ProblemRow.id).in_(running)))
            ).all()
            servers = session.exec(
                select(ServerRow.problem_id, ServerRow.name).where(
                    col(ServerRow.state).not_in(_AT_REST)
                )
            ).all()
            open_commands = set(session.exec(commanded).all())
        known: dict[str, set[str]] = {}
        for problem_id, name in servers:
            known.setdefault(problem_id, set()).add(name)
        return [
            Wish(
                problem_id=problem_id,
                wanted=wanted == _SERVING,
                selectors=selectors,
                completed=status == Status.COMPLETED,
                has_commands=problem_id in open_commands,
                known=frozenset(known.get(problem_id, ())),
            )
            for problem_id, wanted, selectors, status in found
        ]

    def starts(self, problem_id: str) -> dict[str, int]:
        """Return how often each server of a problem was started before."""
        with self._database.session() as session:
            found = session.exec(
                select(ServerRow.name, ServerRow.starts).where(
                    col(ServerRow.problem_id) == problem_id
                )
            ).all()
        return dict(found)

    def write(self, problem_id: str, servers: Mapping[str, Observed]) -> None:
        """Write down how servers stand.

        Parameters
        ----------
        problem_id
            Whose they are.
        servers
            Those of which something is new, with `starts` of all times.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        now = self._clock()
        with self._database.session() as session, session.begin():
            rows = {row.name: row for row in _rows(session, problem_id)}
            for name, server in servers.items():
                row = rows.get(name) or ServerRow(
                    problem_id=problem_id, name=name, state="", since_unix_s=now
                )
                state = _WORDS.get(server.phase, server.phase)
                if row.state != state:
                    row.since_unix_s = now
                row.state, row.starts = state, server.starts
                row.address = server.address[:_ADDRESS_MAX]
                row.detail = server.detail.replace("\0", "")
                session.add(row)
                if name == COORDINATOR and server.phase not in (Phase.RUNNING, Phase.STARTING):
                    note_clients_gone(session, problem_id, now)

    def all_stopped(self, problem_id: str) -> None:
        """Write down that nothing of a problem runs any more.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        now = self._clock()
        with self._database.session() as session, session.begin():
            for row in _rows(session, problem_id):
                if row.state not in _AT_REST:
                    row.state, row.address, row.since_unix_s = Phase.STOPPED, "", now
                    row.detail = "stopped with the webserver"
                    session.add(row)
            note_clients_gone(session, problem_id, now)

    def give_up(self, problem_id: str, reason: str) -> None:
        """Write down that a problem's servers are tried no more; its commands are answered so.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        failure_id, now = secrets.token_hex(4), self._clock()
        logger.error("problem %s is given up, id %s: %s", problem_id, failure_id, reason)
        told = f"{reason} {_REMEDY}"
        with self._database.session() as session, session.begin():
            note_state(session, problem_id, Status.FAILED, told, failure_id)
            row = session.get(ProblemRow, problem_id)
            if row is not None:
                row.wanted, row.updated_unix_s = _STOPPED, now
                session.add(row)
            session.exec(
                update(CommandRow)
                .where(
                    col(CommandRow.problem_id) == problem_id,
                    col(CommandRow.answered_unix_s).is_(None),
                    col(CommandRow.what) != "revoke",
                )
                .values(answered_unix_s=now, done=False, message=reason)
            )

    def rest(self, problem_id: str) -> bool:
        """Want a completed problem's servers stopped, unless somebody wants something of them.

        Returns
        -------
        bool
            Whether it was still completed and had no command to answer.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        with self._database.session() as session, session.begin():
            row = session.get(ProblemRow, problem_id, with_for_update=True)
            waiting = session.exec(
                select(CommandRow.id).where(
                    col(CommandRow.problem_id) == problem_id,
                    col(CommandRow.answered_unix_s).is_(None),
                )
            ).first()
            if row is None or row.status != Status.COMPLETED or waiting is not None:
                return False
            row.wanted = _STOPPED
            session.add(row)
        return True


def _rows(session: Session, problem_id: str) -> Sequence[ServerRow]:
    return session.exec(select(ServerRow).where(col(ServerRow.problem_id) == problem_id)).all()
