"""Jobs, one after another: what somebody waits for, and the scoring of completed rounds."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable, Sequence

from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from fedota_proto.errors import FedotaError, NotFoundError
from fedota_server.authority import PlatformHome
from fedota_server.jobs import JobLimits, JobRunner
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Spawner
from fedota_server.webserver.database import Database
from fedota_server.webserver.job_progress import JobProgress
from fedota_server.webserver.job_view import job_view
from fedota_server.webserver.job_work import TEST_FILE, JobOutcome, JobWork
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.use_cases import find_problem, new_id, problem_folder
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.statuses import TRAINING, Status
from fedota_server.webserver.tables import EvaluationRow, JobRow, ProblemRow
from fedota_server.webserver.threads import in_thread
from fedota_server.webserver.views.job import JobView

logger = logging.getLogger(__name__)

LOOK_S = 5.0
RESTARTED = "The webserver was restarted meanwhile: run it again."
_TRIES_MAX = 2
_LIST_MAX = 100


class JobDesk:
    """Carries out the rows of the table of jobs, oldest first, through a spawner.

    `run` belongs to one event loop; the other methods may be called from any thread.

    Parameters
    ----------
    database
        Migrated.
    settings
        Of the webserver: how many jobs at a time, and what each may use.
    home
        The platform's folder.
    spawner
        Makes what runs the jobs of a problem; it is released after each.
    clock
        Seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        settings: WebserverSettings,
        home: PlatformHome,
        *,
        spawner: Callable[[ProblemFolder], Spawner],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._home = home
        self._spawner = spawner
        self._clock = clock
        self._parallel = settings.job_parallel
        self._limits = JobLimits(settings.job_time_s, settings.job_memory_bytes)
        self._work = JobWork(database, home, clock)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()

    def view(self, actor: Actor, job_id: str) -> JobView:
        """Show a job to the problem's owner and to admins.

        Raises
        ------
        NotFoundError
            There is none, or its problem is somebody else's draft.
        """
        with self._database.session() as session:
            row = session.get(JobRow, job_id)
            if row is None:
                raise NotFoundError("There is no such job: its draft was deleted.")
            find_problem(session, actor, row.problem_id, Action.DRY_RUN)
        return job_view(row)

    def of_problem(self, actor: Actor, problem_id: str, limit: int = 20) -> list[JobView]:
        """List the newest jobs of a problem, newest first, for its owner and admins."""
        with self._database.session() as session:
            find_problem(session, actor, problem_id, Action.DRY_RUN)
            found = session.exec(
                select(JobRow)
                .where(col(JobRow.problem_id) == problem_id)
                .order_by(col(JobRow.created_unix_s).desc())
                .limit(min(limit, _LIST_MAX))
            ).all()
        return [job_view(row) for row in found]

    def wake(self) -> None:
        """Have it look for jobs now; without effect while it does not run."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Carry jobs out until cancelled; those under way are then killed."""
        self._loop = asyncio.get_running_loop()
        await in_thread(self._take_up)
        try:
            while True:
                self._woken.clear()
                await in_thread(self._queue_scores)
                await self._start_jobs()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
        finally:
            self._loop = None
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _start_jobs(self) -> None:
        while len(self._running) < self._parallel:
            job = await in_thread(self._take_next, list(self._running))
            if job is None:
                return
            task = asyncio.create_task(self._carry_out(job), name=f"job {job.id}")
            self._running[job.problem_id] = task

    async def _carry_out(self, job: JobRow) -> None:
        progress = JobProgress(lambda steps, doing: self._note(job.id, steps, doing))
        keeping = asyncio.create_task(progress.keep())
        working = asyncio.create_task(self._do(job, progress))
        try:
            await asyncio.wait((working,))
            progress.end()
            await keeping
            await in_thread(self._finish, job, progress.steps, working)
        finally:
            working.cancel()
            keeping.cancel()
            try:
                await asyncio.gather(working, keeping, return_exceptions=True)
            finally:  # also when the desk is cancelled: it may be run again
                self._running.pop(job.problem_id, None)
                self._woken.set()

    async def _do(self, job: JobRow, progress: JobProgress) -> JobOutcome:
        spawner = self._spawner(problem_folder(self._home, job.problem_id))
        try:
            return await self._work.carry_out(job, JobRunner(spawner, self._limits), progress)
        finally:
            await spawner.release()  # servers of the same problem go on

    def _finish(self, job: JobRow, steps: Sequence[str], working: asyncio.Task[JobOutcome]) -> None:
        """Write down how a job ended; a defect ends one job, not the desk."""
        error = working.exception()
        outcome = working.result() if error is None else JobOutcome(_said(job, error))
        if error is not None and job.kind == "inspect":
            self._work.refuse_model(job, outcome.message)
        with self._database.session() as session, session.begin():
            row = session.get(JobRow, job.id)
            if row is None:
                return
            row.state = "done" if error is None else "failed"
            row.steps, row.message = list(steps), outcome.message
            row.result = {**row.result, **outcome.result}
            row.ended_unix_s = self._clock()
            session.add(row)

    def _note(self, job_id: str, steps: Sequence[str], doing: str) -> None:
        with self._database.session() as session, session.begin():
            row = session.get(JobRow, job_id)
            if row is not None:
                row.steps, row.message = list(steps), doing
                session.add(row)

    def _take_up(self) -> None:
        """Deal with what an earlier webserver left: half-done jobs and their folders."""
        for left in (self._home.folder / "problems").glob("*/.fedota/intake-*"):
            shutil.rmtree(left, ignore_errors=True)
        given_up: list[JobRow] = []
        with self._database.session() as session, session.begin():
            for row in session.exec(select(JobRow).where(col(JobRow.state) == "running")):
                tries = int(row.result.get("tries", 1))
                if row.kind != "dry run" and tries < _TRIES_MAX:
                    row.state, row.steps, row.message = "queued", [], ""
                    row.result = {**row.result, "tries": tries + 1}
                else:
                    row.state, row.message = "failed", RESTARTED
                    row.ended_unix_s = self._clock()
                    given_up.append(row)
                session.add(row)
        for row in given_up:
            if row.kind == "inspect":
                self._work.refuse_model(row, "Its check was interrupted twice: upload it again.")

    def _take_next(self, busy: Sequence[str]) -> JobRow | None:
        """Take the oldest job of a problem for which none is under way."""
        with self._database.session() as session, session.begin():
            row = session.exec(
                select(JobRow)
                .where(col(JobRow.state) == "queued", col(JobRow.problem_id).not_in(busy))
                .order_by(col(JobRow.created_unix_s), col(JobRow.id))
                .limit(1)
            ).first()
            if row is not None:
                row.state, row.started_unix_s = "running", self._clock()
                session.add(row)
            return row

    def _queue_scores(self) -> None:
        """Have the newest model of each problem with a test file scored, once."""
        with self._database.session() as session:
            found = session.exec(_with_test_file()).all()
            behind = any(_unscored(session, row) for row in found)
        if not behind:
            return
        with self._database.session() as session, session.begin():
            for row in session.exec(_with_test_file()).all():
                if _unscored(session, row):
                    self._queue_score(session, row)

    def _queue_score(self, session: Session, row: ProblemRow) -> None:
        session.exec(
            delete(JobRow).where(col(JobRow.problem_id) == row.id, col(JobRow.kind) == "score")
        )
        session.add(
            JobRow(
                id=new_id(),
                problem_id=row.id,
                kind="score",
                argument=row.completed_round,
                result={"generation": row.generation},
                created_unix_s=self._clock(),
            )
        )


def _with_test_file() -> SelectOfScalar[ProblemRow]:
    scored_in = (*TRAINING, Status.COMPLETED, Status.FAILED)
    return select(ProblemRow).where(
        col(ProblemRow.test_file) != "",
        col(ProblemRow.completed_round) > 0,
        col(ProblemRow.status).in_(scored_in),
    )


def _unscored(session: Session, row: ProblemRow) -> bool:
    """Whether the newest round's model has no score, and nobody tried or is about to."""
    score = session.exec(
        select(EvaluationRow.id).where(
            col(EvaluationRow.problem_id) == row.id,
            col(EvaluationRow.generation) == row.generation,
            col(EvaluationRow.server_round) == row.completed_round,
            col(EvaluationRow.source) == TEST_FILE,
        )
    ).first()
    if score is not None:
        return False
    tried = session.exec(
        select(JobRow).where(col(JobRow.problem_id) == row.id, col(JobRow.kind) == "score")
    ).all()
    return not any(
        job.state in ("queued", "running")
        or (job.argument, job.result.get("generation")) == (row.completed_round, row.generation)
        for job in tried
    )


def _said(job: JobRow, error: BaseException) -> str:
    """Return what to tell of a failure; what is no error of Fedota's tree is logged whole."""
    if isinstance(error, FedotaError):
        logger.info("job %s (%s) failed: %s", job.id, job.kind, error.public_message)
        return error.public_message
    failure_id = secrets.token_hex(4)
    logger.error("job %s (%s) failed, id %s", job.id, job.kind, failure_id, exc_info=error)
    return f"This is a defect of Fedota's own; in the webserver's log it has the id {failure_id}."
