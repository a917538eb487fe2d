"""A problem from its upload to a scored round: the webserver's use cases with real jobs."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from support.checkpoints import save_checkpoint
from support.programs import environment
from support.web_desk import WebDesk

from fedota_server.spawners.process import ProcessSpawner
from fedota_server.webserver.database import Database
from fedota_server.webserver.job_desk import JobDesk
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.views.job import JobView

ROUNDS = {"rounds": 2, "goal_count": 2, "minimum_reports": 2, "reporting_deadline_s": 60}
COLUMNS = [
    {"name": "x", "type": "number", "minimum": -1, "maximum": 1},
    {"name": "y", "type": "number", "minimum": -1, "maximum": 1},
    {"name": "answer", "type": "category", "allowed": ["no", "yes"], "target": True},
]
TABLE = "x,y,answer\n0.5,0.25,yes\n-0.5,0.75,no\n0.1,-0.9,no\n"


@pytest.fixture
def desk(database: Database, tmp_path: Path) -> WebDesk:
    made = WebDesk(database, tmp_path)
    made.jobs = JobDesk(
        database,
        made.settings,
        made.home,
        spawner=lambda folder: ProcessSpawner(folder.logs, environ=environment()),
    )
    return made


async def finished(desk: WebDesk, setter: Actor, job_id: str) -> JobView:
    await desk.work_off(timeout_s=90.0)
    return await asyncio.to_thread(desk.jobs.view, setter, job_id)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_problem_is_written_run_dry_published_and_scored(
    desk: WebDesk, model_folder: Path
) -> None:
    setter, problems = desk.person("Sara", Role.SETTER), desk.problems
    draft = problems.create(setter, "Small")
    problems.set_data(setter, draft, {"minimum_examples": 2, "columns": COLUMNS})
    problems.set_strategy(setter, draft, "FedAdam", {"eta": 0.01})
    problems.set_rounds(setter, draft, ROUNDS)
    upload = desk.upload(b"")
    shutil.copy(model_folder / "model.keras", upload)
    job = await finished(desk, setter, problems.take_model(setter, draft, upload, "small.keras"))
    assert (job.state, job.steps) == ("done", ("Keras loaded the model: 3 layers",)), job
    model = problems.draft(setter, draft).model
    assert model is not None
    assert [(one.type, one.shape, one.parameters) for one in model.layers] == [
        ("Dense", "(batch, 3)", 9),
        ("BatchNormalization", "(batch, 3)", 12),
        ("Dense", "(batch, 1)", 4),
    ]
    assert (model.parameters, model.metrics) == (25, ("loss", "accuracy"))
    assert sum(1 for array in model.arrays if not array.trainable) == 2

    # A column too many: the dry run tells, where ten hospitals would have.
    more = {"name": "z", "type": "number"}
    problems.set_data(setter, draft, {"columns": [more, *COLUMNS]})
    job = await finished(desk, setter, problems.dry_run(setter, draft))
    assert (job.state, job.steps) == ("failed", ()), job
    assert "3" in job.message
    assert "Traceback" not in job.message

    problems.set_data(setter, draft, {"minimum_examples": 2, "columns": COLUMNS})
    problems.take_test_file(setter, draft, desk.upload(TABLE), "table.csv")
    job = await finished(desk, setter, problems.dry_run(setter, draft))
    assert job.state == "done", job
    assert [step.split(" (")[0] for step in job.steps] == [
        "2 clients trained on fake data",
        "FedAdam aggregated their updates",
        "the result was loaded and scored",
        "your test file was scored",
    ]
    assert job.result["metrics"].keys() == {"loss", "accuracy"}
    problems.publish(setter, draft)

    save_checkpoint(desk.folder(draft), 1)
    desk.change(draft, lambda row: setattr(row, "completed_round", 1))
    desk.set_status(draft, "running")
    await asyncio.to_thread(desk.jobs._queue_scores)
    await desk.work_off(timeout_s=90.0)
    (score,) = problems.evaluations(setter, draft)
    assert (score.server_round, score.source, score.weight) == (1, "test file", 3.0)
    assert score.metrics.keys() == {"loss", "accuracy"}
