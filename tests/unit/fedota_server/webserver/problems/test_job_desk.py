"""The job desk, with jobs that end as Keras's would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlmodel import col, select
from support.checkpoints import save_checkpoint
from support.waiting import DEADLINE_S
from support.web_desk import ROUNDS, TEST_TABLE, PlainSpawner, WebDesk

from fedota_proto.errors import NotFoundError
from fedota_server.spawners.base import JobResult, JobSpec, LineListener, StoppedBy
from fedota_server.webserver.job_desk import RESTARTED, JobDesk
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.tables import EvaluationRow, JobRow


class StuckSpawner(PlainSpawner):
    """Runs no job to its end."""

    def __init__(self) -> None:
        super().__init__({}, [])
        self.began = asyncio.Event()
        self.cancelled = False

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        self.began.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True
        raise AssertionError


class BrokenSpawner(PlainSpawner):
    """Has a defect."""

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        raise ZeroDivisionError("a defect")


class GreedySpawner(PlainSpawner):
    """Runs jobs that take too much memory."""

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        return JobResult(-9, "", StoppedBy.MEMORY)


def scores(desk: WebDesk) -> list[tuple[int, int, dict[str, float], float, bool]]:
    query = select(EvaluationRow).order_by(col(EvaluationRow.id))
    with desk.database.session() as session:
        return [
            (row.generation, row.server_round, row.metrics, row.weight, row.superseded)
            for row in session.exec(query)
            if row.source == "test file"
        ]


def jobs_with(desk: WebDesk, spawner: PlainSpawner) -> JobDesk:
    return JobDesk(
        desk.database, desk.settings, desk.home, spawner=lambda _: spawner, clock=desk.clock
    )


async def test_an_upload_is_inspected_and_then_known_layer_by_layer(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.filled(setter)
    job = desk.problems.take_model(setter, draft, desk.model(), "m.keras")
    assert desk.jobs.view(setter, job).state == "queued"

    await desk.work_off()

    shown = desk.problems.draft(setter, draft)
    assert shown.model is not None
    assert shown.model.state == "fine"
    assert [(one.type, one.shape, one.parameters) for one in shown.model.layers] == [
        ("Dense", "(batch, 3)", 15), ("Dense", "(batch, 1)", 4)
    ]  # fmt: skip
    assert (shown.model.parameters, shown.model.metrics) == (19, ("loss", "accuracy"))
    assert shown.step("model").done
    view = desk.jobs.view(setter, job)
    assert (view.state, view.over) == ("done", True)
    assert view.steps == ("Keras loaded the model: 2 layers",)
    assert list(desk.folder(draft).state.glob("intake-*")) == []


async def test_a_model_that_keras_refuses_says_why_on_the_form(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.filled(setter)
    said = "model.keras has nothing to train: every layer is frozen."
    desk.failing_jobs["inspect"] = said
    job = desk.problems.take_model(setter, draft, desk.model(), "m.keras")

    await desk.work_off()

    assert desk.jobs.view(setter, job).message == said
    step = desk.problems.draft(setter, draft).step("model")
    assert (step.state, step.mistakes) == ("wrong", (said,))
    del desk.failing_jobs["inspect"]
    desk.problems.take_model(setter, draft, desk.model(), "m.keras")
    await desk.work_off()
    assert desk.problems.draft(setter, draft).step("model").done


async def test_a_dry_run_is_three_jobs_and_lets_the_draft_be_published(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.finished(setter)
    desk.problems.take_test_file(setter, draft, desk.upload(TEST_TABLE), "t.csv")
    assert not desk.problems.draft(setter, draft).publishable
    job = desk.problems.dry_run(setter, draft)

    await desk.work_off()

    ran = [(spec.role.value, spec.arguments[1]) for spec in desk.jobs_run]
    assert ran == [
        ("client", "dry-run"),
        ("coordinator", "aggregate"),
        ("client", "score"),
        ("client", "score"),
    ]
    assert str(desk.folder(draft).test_path) in desk.jobs_run[-1].arguments
    view = desk.jobs.view(setter, job)
    assert (view.state, view.result["metrics"]) == ("done", {"loss": 0.25})
    assert len(view.steps) == 4
    desk.problems.publish(setter, draft)


async def test_a_dry_run_that_fails_says_at_which_step(desk: WebDesk, setter: Actor) -> None:
    draft = desk.finished(setter)
    desk.problems.set_rounds(setter, draft, {**ROUNDS, "rounds": 6})
    desk.failing_jobs["aggregate"] = "The strategy returned nothing usable."
    job = desk.problems.dry_run(setter, draft)

    await desk.work_off()

    view = desk.jobs.view(setter, job)
    assert (view.state, view.message) == ("failed", "The strategy returned nothing usable.")
    assert view.steps == ("3 clients trained on fake data",)
    assert not desk.problems.draft(setter, draft).dry_run_passed


async def test_a_draft_changed_before_its_dry_run_does_not_pass(
    desk: WebDesk, setter: Actor
) -> None:
    draft = desk.finished(setter)
    desk.change(draft, lambda row: setattr(row, "dry_run_of", ""))
    job = desk.problems.dry_run(setter, draft)
    desk.problems.set_rounds(setter, draft, {**ROUNDS, "rounds": 6})

    await desk.work_off()

    assert desk.jobs.view(setter, job).message == (
        "The draft was changed meanwhile: run it dry again."
    )
    assert desk.jobs_run == []


async def test_a_draft_deleted_before_its_job_disturbs_nobody(desk: WebDesk, setter: Actor) -> None:
    gone, draft = desk.finished(setter), desk.finished(setter)
    desk.problems.dry_run(setter, gone)
    job = desk.problems.dry_run(setter, draft)
    desk.problems.delete_draft(setter, gone)

    await desk.work_off()

    assert desk.jobs.view(setter, job).state == "done"
    with pytest.raises(NotFoundError):
        desk.jobs.view(setter, "0" * 12)


async def test_a_defect_ends_one_job_with_an_id_that_is_in_the_log(
    desk: WebDesk, setter: Actor, caplog: pytest.LogCaptureFixture
) -> None:
    draft = desk.finished(setter)
    job = desk.problems.dry_run(setter, draft)
    desk.jobs = jobs_with(desk, BrokenSpawner({}, []))

    await desk.work_off()

    view = desk.jobs.view(setter, job)
    assert view.state == "failed"
    assert "defect" in view.message
    failure_id = view.message.rpartition("id ")[2].rstrip(".")
    assert failure_id in caplog.text
    assert "ZeroDivisionError" in caplog.text


async def test_a_job_that_takes_too_much_is_told_so(desk: WebDesk, setter: Actor) -> None:
    draft = desk.filled(setter)
    desk.problems.take_model(setter, draft, desk.model(), "m.keras")
    desk.jobs = jobs_with(desk, GreedySpawner({}, []))

    await desk.work_off()

    assert "use a smaller model" in desk.problems.draft(setter, draft).step("model").mistakes[0]


async def test_what_a_killed_webserver_left_is_taken_up(desk: WebDesk, setter: Actor) -> None:
    model, dry = desk.filled(setter), desk.finished(setter)
    inspect = desk.problems.take_model(setter, model, desk.model(), "m.keras")
    dry_run = desk.problems.dry_run(setter, dry)
    left = desk.folder(model).state / "intake-1234"
    left.mkdir()
    with desk.database.session() as session, session.begin():
        for row in session.exec(select(JobRow)):
            row.state = "running"
            session.add(row)

    await desk.work_off()

    assert desk.jobs.view(setter, inspect).state == "done"
    assert desk.jobs.view(setter, dry_run).state == "failed"
    assert desk.jobs.view(setter, dry_run).message == RESTARTED
    assert not left.exists()

    def interrupted_twice(row: JobRow) -> None:
        row.state, row.result = "running", {**row.result, "tries": 2}

    again = desk.problems.take_model(setter, model, desk.model(), "m.keras")
    with desk.database.session() as session, session.begin():
        row = session.get_one(JobRow, again)
        interrupted_twice(row)
        session.add(row)
    await desk.work_off()
    assert desk.jobs.view(setter, again).state == "failed"
    assert desk.problems.draft(setter, model).step("model").state == "wrong"


async def test_a_job_under_way_is_killed_with_the_desk_and_wakes_it_up(
    desk: WebDesk, setter: Actor
) -> None:
    spawner = StuckSpawner()
    desk.jobs = jobs_with(desk, spawner)
    running = asyncio.create_task(desk.jobs.run())
    draft = await asyncio.to_thread(desk.filled, setter)
    job = await asyncio.to_thread(desk.problems.take_model, setter, draft, desk.model(), "m.keras")
    desk.jobs.wake()
    async with asyncio.timeout(DEADLINE_S):
        await spawner.began.wait()
    assert (await asyncio.to_thread(desk.jobs.view, setter, job)).state == "running"

    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert spawner.cancelled
    desk.jobs.wake()  # after its end: without effect


async def test_each_completed_round_is_scored_once_and_only_the_newest_when_behind(
    desk: WebDesk, setter: Actor
) -> None:
    problem = desk.published(setter)
    folder = desk.folder(problem)
    desk.problems.take_test_file(setter, problem, desk.upload(TEST_TABLE), "t.csv")

    async def complete(server_round: int, *, generation: int = 0, base: int = 0) -> None:
        save_checkpoint(folder, server_round, generation=generation, base=base, state=True)

        def change(row: Any) -> None:
            row.status, row.completed_round, row.generation = "running", server_round, generation

        desk.change(problem, change)
        desk.jobs._queue_scores()
        await desk.work_off()

    await desk.work_off()
    assert scores(desk) == []
    await complete(1)
    await complete(4)
    await desk.work_off()
    assert scores(desk) == [(0, 1, {"loss": 0.25}, 2.0, False), (0, 4, {"loss": 0.25}, 2.0, False)]
    desk.clock.pass_by(1)
    # A roll-back to round 1: its model has its score; the rounds after it are new.
    await complete(1, generation=1, base=1)
    assert len(scores(desk)) == 2
    await complete(2, generation=1, base=1)
    assert scores(desk)[2:] == [(1, 2, {"loss": 0.25}, 2.0, False)]
    assert len([job for job in desk.jobs.of_problem(setter, problem) if job.kind == "score"]) == 1


async def test_a_score_that_fails_is_not_tried_for_ever(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    desk.problems.take_test_file(setter, problem, desk.upload(TEST_TABLE), "t.csv")
    save_checkpoint(desk.folder(problem), 1)

    def change(row: Any) -> None:
        row.status, row.completed_round = "completed", 1

    desk.change(problem, change)
    desk.failing_jobs["score"] = "t.csv, row 20000: found “x”."
    for _ in range(3):
        desk.jobs._queue_scores()
        await desk.work_off()

    assert len(desk.jobs_run) == 1
    assert scores(desk) == []
    (job,) = (job for job in desk.jobs.of_problem(setter, problem) if job.kind == "score")
    assert job.message == "t.csv, row 20000: found “x”."
