"""A published problem, read: the page that is not live, its rounds, its servers, its models."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func
from sqlmodel import Session, col, select

from fedota_proto.errors import NotFoundError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.problem import Problem
from fedota_proto.terms import (
    STAYS,
    arrays_words,
    holdout_words,
    leaves_words,
    noise_words,
    runs_words,
    seen_by_words,
    strategy_words,
    update_bytes,
    update_metrics,
)
from fedota_server.model_export import export_model
from fedota_server.spawners.log_file import last_lines
from fedota_server.webserver.attendance_reading import attendance_of
from fedota_server.webserver.audit import Audit, AuditEntry
from fedota_server.webserver.permissions import Action, Actor, may, require
from fedota_server.webserver.problems.draft_reading import model_view
from fedota_server.webserver.problems.publishing import content_of
from fedota_server.webserver.problems.use_cases import APPROVED, find_problem, membership_of
from fedota_server.webserver.problems.wishes import SERVING, Wishes, command_view
from fedota_server.webserver.statuses import WISHES, Status
from fedota_server.webserver.tables import (
    CommandRow,
    MembershipRow,
    ProblemRow,
    ServerRow,
)
from fedota_server.webserver.views.draft import ModelView
from fedota_server.webserver.views.problem import KeptRounds, LeavesView, ProblemView, ServerView

LOG_LINES_MAX = 5000

# What is asked of a problem, and the wish whose statuses it needs; none: any status will do.
_WISH_OF = {
    Action.EDIT_PROBLEM: "edit",
    Action.DRY_RUN: "edit",
    Action.PUBLISH: "publish",
    Action.DELETE_DRAFT: "delete",
    Action.START: "start",
    Action.PAUSE: "pause",
    Action.RESUME: "resume",
    Action.STOP: "stop",
    Action.ROLL_BACK: "roll back",
    Action.SCALE: "scale",
    Action.ARCHIVE: "archive",
    Action.JOIN: "join",
    Action.MAKE_INVITE: "enrol clients in",
    Action.LEAVE: "",
    Action.DECIDE_REQUEST: "",
    Action.REVOKE_MEMBER: "",
    Action.SEE_MEMBERS: "",
    Action.SEE_LOGS: "",
    Action.SEE_CHANGES: "",
    Action.SEE_PROBLEM: "",
    Action.DOWNLOAD_MODEL: "",
}


class Reading(Wishes):
    """What the page of a problem shows beside the live clock."""

    def view(self, actor: Actor, problem_id: str) -> ProblemView:
        """Show a problem.

        Raises
        ------
        NotFoundError
            There is none, or it is somebody else's draft.
        """
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
            content = content_of(session, row)
            membership = membership_of(session, row.id, actor.user_id) if actor.user_id else None
            counts: dict[str, int] = dict(
                session.exec(
                    select(MembershipRow.state, func.count())
                    .where(col(MembershipRow.problem_id) == row.id)
                    .group_by(col(MembershipRow.state))
                ).all()
            )
            steers = may(actor, Action.SEE_CHANGES, owner_id=row.owner_id)
            commands = _open_commands(session, row.id) if steers else ()
            attendance = attendance_of(session, row.id, self._clock()) if steers else None
        state = membership.state if membership else ""
        problem, model = content.problem(), model_view(row)
        return ProblemView(
            problem_id=row.id,
            title=row.title,
            description=row.description,
            owner_id=row.owner_id,
            owner=content.setter,
            status=row.status,
            status_reason=row.status_reason,
            failure_id=row.failure_id,
            wanted=row.wanted,
            problem=problem,
            model=model,
            leaves=leaves_view(problem, model) if problem and model else None,
            admission=row.admission,
            selectors=row.selectors,
            test_file=row.test_file if steers else "",
            rounds=row.rounds or (problem.rounds.rounds if problem else 0),
            completed_round=row.completed_round,
            generation=row.generation,
            members=counts.get(APPROVED, 0),
            requests=counts.get("requested", 0) if steers else 0,
            membership=state,
            attendance=attendance,
            may=allowed_now(actor, row, state),
            open_commands=tuple(command_view(command) for command in commands),
            created_unix_s=row.created_unix_s,
            updated_unix_s=row.updated_unix_s,
            published_unix_s=row.published_unix_s,
            archived_unix_s=row.archived_unix_s,
        )

    def kept_rounds(self, actor: Actor, problem_id: str) -> KeptRounds:
        """Tell which rounds' models can be had, and which can be rolled back to."""
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
        return self._kept(problem_id)

    def export_model(
        self, actor: Actor, problem_id: str, out: Path, server_round: int | None = None
    ) -> int:
        """Write a completed round's model as a .keras file.

        Parameters
        ----------
        out
            Where to.
        server_round
            Which; None: the newest.

        Returns
        -------
        int
            The round.

        Raises
        ------
        CheckpointError
            It is not kept, or no round is completed yet.
        """
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.DOWNLOAD_MODEL)
        return export_model(self._folder(row.id), out, server_round)

    def servers(self, actor: Actor, problem_id: str = "") -> list[ServerView]:
        """List a problem's servers for owner and admin; without a problem all, for an admin."""
        with self._database.session() as session:
            query = select(ServerRow, ProblemRow.title).where(
                col(ServerRow.problem_id) == col(ProblemRow.id)
            )
            if problem_id:
                find_problem(session, actor, problem_id, Action.SEE_LOGS)
                query = query.where(col(ServerRow.problem_id) == problem_id)
            else:
                require(actor, Action.SEE_SERVERS)
            found = session.exec(query).all()
        views = [_server_view(row, title) for row, title in found]
        return sorted(views, key=lambda one: (one.title, one.problem_id, _place(one.name)))

    def logs(self, actor: Actor, problem_id: str, server: str, lines: int = 200) -> str:
        """Return the newest lines of a server's log, oldest first.

        Raises
        ------
        NotFoundError
            The problem never had such a server.
        """
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_LOGS)
            known = session.exec(
                select(ServerRow.name).where(col(ServerRow.problem_id) == problem_id)
            ).all()
        if server not in known:
            raise NotFoundError(f"This problem has no server {server[:40]!r}.")
        path = self._folder(problem_id).logs / f"{server}.log"
        return last_lines(path, max(1, min(lines, LOG_LINES_MAX)))

    def changes(
        self,
        actor: Actor,
        problem_id: str,
        *,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[AuditEntry]:
        """List who changed what of a problem and when, newest first."""
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.SEE_CHANGES)
        return Audit(self._database).entries(
            actor, problem_id=problem_id, before_id=before_id, limit=limit
        )


def allowed_now(actor: Actor, row: ProblemRow, membership: str) -> frozenset[Action]:
    """List what somebody may do with a problem in its present status.

    Parameters
    ----------
    membership
        State of the actor's own.
    """
    member = membership == APPROVED
    status = Status(row.status)
    found = {
        action
        for action, wish in _WISH_OF.items()
        if may(actor, action, owner_id=row.owner_id, member=member)
        and (not wish or status in WISHES[wish])
    }
    if row.wanted == SERVING:
        found.discard(Action.START)
    if membership in (APPROVED, "requested"):
        found.discard(Action.JOIN)
    if status is Status.DRAFT:
        found -= {Action.DOWNLOAD_MODEL, Action.JOIN}
    return frozenset(found)


def leaves_view(problem: Problem, model: ModelView) -> LeavesView:
    """Say what taking part means."""
    manifest = Manifest(
        arrays=tuple(
            ManifestArray(one.name, one.dtype, one.shape, one.trainable) for one in model.arrays
        ),
        metrics=model.metrics,
    )
    spec = problem.strategy.spec
    return LeavesView(
        runs=(
            runs_words(problem.training, "your data"),
            holdout_words(problem.training),
            strategy_words(spec),
        ),
        leaves=(
            leaves_words(manifest, spec),
            *((noise_words(problem.privacy, problem.rounds.rounds),) if problem.privacy else ()),
            f"{arrays_words(manifest)}.",
        ),
        seen_by=seen_by_words(spec),
        stays=STAYS,
        arrays=len(manifest.arrays),
        bytes_a_round=update_bytes(manifest),
        metrics=update_metrics(manifest),
        rounds=problem.rounds.rounds,
        minimum_reports=problem.rounds.minimum_reports,
    )


def _open_commands(session: Session, problem_id: str) -> tuple[CommandRow, ...]:
    return tuple(
        session.exec(
            select(CommandRow)
            .where(
                col(CommandRow.problem_id) == problem_id,
                col(CommandRow.answered_unix_s).is_(None),
            )
            .order_by(col(CommandRow.created_unix_s))
        )
    )


def _server_view(row: ServerRow, title: str) -> ServerView:
    return ServerView(
        name=row.name,
        state=row.state,
        address=row.address,
        detail=row.detail,
        starts=row.starts,
        since_unix_s=row.since_unix_s,
        problem_id=row.problem_id,
        title=title,
    )


def _place(name: str) -> tuple[int, int]:
    kind, _, number = name.rpartition("-")
    return (1, int(number)) if kind and number.isdigit() else (0, 0)
