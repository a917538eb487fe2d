"""What a setter wishes for a problem: the database then wants it, the servers follow."""

from __future__ import annotations

from sqlmodel import Session, col, select

from fedota_proto.errors import CheckpointError, ConflictError, NotFoundError
from fedota_server.model_export import open_checkpoints
from fedota_server.webserver.audit import record
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.drafts import check_selectors
from fedota_server.webserver.problems.use_cases import UseCases, find_problem, give_command
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import CommandRow, ProblemRow
from fedota_server.webserver.views.problem import CommandView, KeptRounds

SERVING, STOPPED = "serving", "stopped"


class Wishes(UseCases):
    """Start, pause, resume, stop, roll back, scale, archive.

    Those that the coordinator carries out return the id of the command, whose answer `command`
    tells; it waits as long as the coordinator does not run.
    """

    def start(self, actor: Actor, problem_id: str) -> None:
        """Have the problem's servers started.

        Raises
        ------
        ConflictError
            It is not ready, or is being started.
        """
        with self._database.session() as session, session.begin():
            row = self._wished(session, actor, problem_id, Action.START, "start")
            if row.wanted == SERVING:
                raise ConflictError("This problem is being started already.")
            row.wanted = SERVING
        self._wake()

    def pause(self, actor: Actor, problem_id: str) -> str:
        """Have it paused after the open round."""
        return self._command(actor, problem_id, Action.PAUSE, "pause")

    def resume(self, actor: Actor, problem_id: str) -> str:
        """Have it go on; a failed one at its last checkpoint."""
        return self._command(actor, problem_id, Action.RESUME, "resume")

    def stop(self, actor: Actor, problem_id: str) -> str:
        """Have the open round abandoned and the problem completed with its last checkpoint."""
        return self._command(actor, problem_id, Action.STOP, "stop")

    def roll_back(self, actor: Actor, problem_id: str, server_round: int) -> str:
        """Have it go on from an earlier round whose strategy state is kept.

        Raises
        ------
        CheckpointError
            That round cannot be rolled back to.
        """
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.ROLL_BACK)
        points = self._kept(problem_id).state
        if server_round not in points:
            those = ", ".join(str(point) for point in points) or "none yet"
            raise CheckpointError(
                f"Round {server_round} cannot be rolled back to; these can: {those}."
            )
        return self._command(
            actor, problem_id, Action.ROLL_BACK, "roll back", "roll_back_to", server_round
        )

    def scale(self, actor: Actor, problem_id: str, selectors: int) -> None:
        """Have so many selectors run.

        Raises
        ------
        UsageError
            Too few or too many.
        """
        check_selectors(selectors)
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.SCALE)
            refuse_unless("scale", Status(row.status))
        with self._alone_in(problem_id):
            self._keep_ports(problem_id, selectors)
            with self._database.session() as session, session.begin():
                row = self._wished(
                    session, actor, problem_id, Action.SCALE, "scale", str(selectors)
                )
                row.selectors = selectors
        self._wake()

    def archive(self, actor: Actor, problem_id: str) -> None:
        """Take it out of the catalogue and stop its servers; its models can still be had."""
        with self._database.session() as session, session.begin():
            row = self._wished(session, actor, problem_id, Action.ARCHIVE, "archive")
            row.wanted, row.status = STOPPED, Status.ARCHIVED
            row.archived_unix_s = row.updated_unix_s
        self._wake()

    def command(self, actor: Actor, problem_id: str, command_id: str) -> CommandView:
        """Tell what became of a command.

        Raises
        ------
        NotFoundError
            There is none of this id.
        """
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_CHANGES)
            row = session.get(CommandRow, command_id)
        if row is None or row.problem_id != problem_id:
            raise NotFoundError("There is no such command.")
        return command_view(row)

    def _kept(self, problem_id: str) -> KeptRounds:
        """Look at which rounds' checkpoints are kept."""
        checkpoints = open_checkpoints(self._folder(problem_id))
        if checkpoints is None:
            return KeptRounds((), ())
        return KeptRounds(
            arrays=tuple(key.server_round for key in checkpoints.index.line()),
            state=tuple(key.server_round for key in checkpoints.index.rollback_points()),
        )

    def _command(
        self,
        actor: Actor,
        problem_id: str,
        action: Action,
        wish: str,
        what: str = "",
        value: int = 0,
    ) -> str:
        what = what or wish
        with self._database.session() as session, session.begin():
            row = self._wished(
                session, actor, problem_id, action, wish, f"round {value}" if value else ""
            )
            waiting = session.exec(
                select(CommandRow).where(
                    col(CommandRow.problem_id) == row.id,
                    col(CommandRow.what) == what,
                    col(CommandRow.answered_unix_s).is_(None),
                )
            ).first()
            if waiting is not None:
                raise ConflictError(
                    f"The problem's coordinator was told to {wish} already and has not answered "
                    "yet: wait for that."
                )
            row.wanted = SERVING
            command_id = give_command(session, row.id, what, value, actor, row.updated_unix_s)
        self._wake()
        return command_id

    def _wished(
        self,
        session: Session,
        actor: Actor,
        problem_id: str,
        action: Action,
        wish: str,
        detail: str = "",
    ) -> ProblemRow:
        """Find the problem, refuse the wish or note who had it."""
        row = find_problem(session, actor, problem_id, action, writing=True)
        refuse_unless(wish, Status(row.status))
        row.updated_unix_s = self._clock()
        session.add(row)
        record(session, row.updated_unix_s, actor, action, problem_id=row.id, detail=detail)
        return row


def command_view(row: CommandRow) -> CommandView:
    """Show a command."""
    return CommandView(
        command_id=row.id,
        what=row.what,
        value=row.value,
        answered=row.answered_unix_s is not None,
        done=row.done,
        message=row.message,
        created_unix_s=row.created_unix_s,
    )
