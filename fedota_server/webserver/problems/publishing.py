"""From a draft to a problem that can be served: the dry run, then the folder, then the status."""

from __future__ import annotations

from sqlmodel import Session, col, select

from fedota_proto.credential import write_secret
from fedota_proto.errors import ConflictError, ProblemFileError
from fedota_proto.problem import PROBLEM_FILE
from fedota_server.webserver.audit import record
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.draft_content import DraftContent
from fedota_server.webserver.problems.use_cases import UseCases, find_problem, new_id
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import JobRow, ProblemRow, User


class Publishing(UseCases):
    """What makes a draft public; a failure anywhere leaves it a draft."""

    def dry_run(self, actor: Actor, problem_id: str) -> str:
        """Have a whole round run on fake data.

        Returns
        -------
        str
            The job's id; that of the one which is under way, if it is of the same content.

        Raises
        ------
        ConflictError
            The problem was published.
        ProblemFileError
            Something is missing or wrong; with all mistakes.
        """
        with self._database.session() as session, session.begin():
            row = find_problem(session, actor, problem_id, Action.DRY_RUN, writing=True)
            refuse_unless("edit", Status(row.status))
            content = _finished(session, row)
            under_way = session.exec(
                select(JobRow).where(
                    col(JobRow.problem_id) == row.id,
                    col(JobRow.kind) == "dry run",
                    col(JobRow.state).in_(("queued", "running")),
                )
            ).all()
            for job in under_way:
                if job.result.get("of") == content.sha256:
                    return job.id
            job = JobRow(
                id=new_id(),
                problem_id=row.id,
                kind="dry run",
                result={"of": content.sha256},
                actor_id=actor.account_id,
                created_unix_s=self._clock(),
            )
            session.add(job)
            record(session, job.created_unix_s, actor, Action.DRY_RUN, problem_id=row.id)
        self._wake()
        return job.id

    def publish(self, actor: Actor, problem_id: str) -> None:
        """Make a problem public: it stands in the catalogue, can be joined and started.

        Raises
        ------
        ConflictError
            It was published, or no dry run of exactly this content passed.
        ProblemFileError
            Something is missing or wrong; with all mistakes.
        FolderError
            Its folder cannot be written; it is still a draft.
        """
        with self._alone_in(problem_id):
            with self._database.session() as session:
                row = find_problem(session, actor, problem_id, Action.PUBLISH)
                refuse_unless("publish", Status(row.status))
                content = _finished(session, row)
                _refuse_unless_run_dry(row, content)
            self._write_folder(row, content)
            with self._database.session() as session, session.begin():
                row = find_problem(session, actor, problem_id, Action.PUBLISH, writing=True)
                refuse_unless("publish", Status(row.status))
                now = _finished(session, row)
                if now.sha256 != content.sha256:
                    raise ConflictError(
                        "The draft was changed while it was being published: run it dry again, "
                        "then publish it."
                    )
                problem = now.problem()
                row.rounds = problem.rounds.rounds if problem else 0
                row.status = Status.READY
                row.published_unix_s = row.updated_unix_s = self._clock()
                session.add(row)
                record(
                    session,
                    row.updated_unix_s,
                    actor,
                    Action.PUBLISH,
                    problem_id=row.id,
                    detail=row.title,
                )
        self._wake()

    def _write_folder(self, row: ProblemRow, content: DraftContent) -> None:
        """Bring the folder into the state in which the coordinator can serve it."""
        folder = self._folder(row.id)
        path = folder.folder / PROBLEM_FILE
        write_secret(path, content.toml.encode())
        path.chmod(0o644)
        if folder.manifest() is None or folder.model_sha256() != row.model_sha256:
            raise ConflictError("The model changed since it was checked: upload it again.")
        keys = folder.keys(self._home.authority())
        for number in range(1, row.selectors + 1):
            keys.selector(number)
        self._keep_ports(row.id, row.selectors)
        folder.note_beginning()


def _finished(session: Session, row: ProblemRow) -> DraftContent:
    """Take the content of a draft that is done.

    Raises
    ------
    ProblemFileError
        It is not.
    """
    content = content_of(session, row)
    mistakes = tuple(mistake for step in content.steps() for mistake in step.mistakes)
    if mistakes:
        raise ProblemFileError("\n".join(mistakes), mistakes)
    return content


def content_of(session: Session, row: ProblemRow) -> DraftContent:
    """Take a problem's content, its owner's name in it."""
    owner = session.get(User, row.owner_id)
    return DraftContent.of(row, owner.name if owner else "")


def _refuse_unless_run_dry(row: ProblemRow, content: DraftContent) -> None:
    if row.dry_run_of != content.sha256:
        raise ConflictError(
            "No dry run of exactly this draft has passed: run it dry, then publish it."
        )
