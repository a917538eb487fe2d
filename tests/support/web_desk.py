"""The use cases of problems over a database, with jobs that need no Keras."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from sqlmodel import col, select

from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.model_file import read_weights
from fedota_server.authority import PlatformHome
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import (
    JobResult,
    JobSpec,
    LineListener,
    ServerSpec,
    Spawner,
)
from fedota_server.webserver.database import Database
from fedota_server.webserver.job_desk import JobDesk
from fedota_server.webserver.memberships import Memberships
from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.problems import Problems
from fedota_server.webserver.problems.publishing import content_of
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import AuditRow, CommandRow, JobRow, ProblemRow, User
from support.accounts import SetClock
from support.keras_file import KerasFile
from support.waiting import DEADLINE_S

ROUNDS = {
    "rounds": 5,
    "goal_count": 3,
    "minimum_reports": 3,
    "selection_timeout_s": 60,
    "reporting_deadline_s": 60,
}
DATA = {
    "kind": "table",
    "minimum_examples": 10,
    "columns": [
        {"name": "age", "type": "integer", "unit": "years", "minimum": 0, "maximum": 120},
        {"name": "bmi", "type": "number", "minimum": 10, "maximum": 70},
        {"name": "smoker", "type": "boolean"},
        {"name": "stage", "type": "category", "allowed": ["I", "II", "III"]},
        {"name": "relapse", "type": "category", "allowed": ["no", "yes"], "target": True},
    ],
}
TEST_TABLE = "age,bmi,smoker,stage,relapse\n61,22.5,yes,II,no\n48,31,no,I,yes\n"


class PlainSpawner(Spawner):
    """Runs jobs as Keras's would end; `failing` names those that fail, with their last words."""

    def __init__(self, failing: Mapping[str, str], ran: list[JobSpec]) -> None:
        self._failing = failing
        self._ran = ran

    async def start(self, spec: ServerSpec) -> str:
        raise AssertionError("no server is started here")

    async def poll(self, name: str, wait_s: float = 0.0) -> int | None:
        return 0

    async def stop(self, name: str, grace_s: float = 10.0) -> int:
        return 0

    async def logs(self, name: str, lines: int = 200) -> str:
        return ""

    async def close(self, grace_s: float = 10.0) -> None:
        pass

    async def run_job(self, spec: JobSpec, on_line: LineListener | None = None) -> JobResult:
        self._ran.append(spec)
        name = spec.arguments[1]
        given = dict(zip(spec.arguments[2::2], spec.arguments[3::2], strict=True))
        if name in self._failing:
            return JobResult(1, self._failing[name] + "\n")
        await asyncio.to_thread(_do, name, given)
        return JobResult(0, "")


def _do(name: str, given: Mapping[str, str]) -> None:
    out = Path(given["--out"])
    if name == "inspect":
        _inspect(Path(given["--model"]), out)
    elif name == "aggregate":
        (out / "aggregated.safetensors").write_bytes(b"")
    elif name == "score":
        out.write_text(json.dumps({"examples": 2, "metrics": {"loss": 0.25}}))


def _inspect(model: Path, out: Path) -> None:
    weights = {name: np.ascontiguousarray(array) for name, array in read_weights(model).items()}
    arrays = tuple(ManifestArray(n, a.dtype.name, a.shape) for n, a in weights.items())
    manifest = Manifest(arrays, loss="binary_crossentropy", metrics=("loss", "accuracy"))
    (out / "manifest.json").write_text(manifest.to_json())
    layers = [
        {"name": "dense", "type": "Dense", "shape": "(batch, 3)", "parameters": 15},
        {"name": "out", "type": "Dense", "shape": "(batch, 1)", "parameters": 4},
    ]
    (out / "layers.json").write_text(json.dumps({"layers": layers}))
    save_file(weights, out / "initial.safetensors")


@dataclass
class WebDesk:
    """Problems, memberships and the job desk, and people who use them.

    Parameters
    ----------
    database
        Migrated and empty.
    place
        For the platform's folder.
    """

    database: Database
    place: Path
    clock: SetClock = field(default_factory=SetClock)
    woken: int = 0
    failing_jobs: dict[str, str] = field(default_factory=dict)
    jobs_run: list[JobSpec] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home = PlatformHome(self.place / "home")
        self.home.init()
        self.settings = WebserverSettings(home=self.home.folder, selector_ports="20000-29999")
        self.problems = Problems(
            self.database, self.settings, self.home, wake=self._wake, clock=self.clock
        )
        self.memberships = Memberships(
            self.database,
            self.home,
            round_address=lambda: "192.0.2.1:20999",
            wake=self._wake,
            clock=self.clock,
        )
        self.jobs = JobDesk(
            self.database,
            self.settings,
            self.home,
            spawner=lambda folder: PlainSpawner(self.failing_jobs, self.jobs_run),
            clock=self.clock,
        )

    def _wake(self) -> None:
        self.woken += 1

    def person(self, name: str, *roles: Role) -> Actor:
        """Make an account, which nobody need sign in to."""
        user = User(
            email=f"{name.lower()}@example.org",
            name=name,
            is_admin=Role.ADMIN in roles,
            is_setter=Role.SETTER in roles,
            is_holder=Role.HOLDER in roles,
            created_unix_s=self.clock(),
        )
        with self.database.session() as session, session.begin():
            session.add(user)
        return Actor(user.id or 0, name, frozenset(roles))

    def folder(self, problem_id: str) -> ProblemFolder:
        """The folder of a problem."""
        return ProblemFolder(self.home.folder / "problems" / problem_id)

    def upload(self, data: bytes | str) -> Path:
        """Put a file where uploads go."""
        folder = self.home.folder / "uploads"
        folder.mkdir(exist_ok=True)
        path = folder / f"upload-{len(list(folder.iterdir()))}"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    def model_file(self) -> KerasFile:
        """A small model of four inputs, not yet written."""
        folder = self.place / "models"
        folder.mkdir(exist_ok=True)
        return KerasFile(folder)

    def model(self) -> Path:
        """The same, uploaded."""
        return self.upload(self.model_file().write().read_bytes())

    def filled(self, setter: Actor) -> str:
        """Write a draft that only lacks its model."""
        problem_id = self.problems.create(setter, "Relapse")
        self.problems.set_about(setter, problem_id, "Relapse", "Who relapses **within a year**?")
        self.problems.set_data(setter, problem_id, DATA)
        self.problems.set_strategy(setter, problem_id, "FedAvg", {})
        self.problems.set_rounds(setter, problem_id, ROUNDS)
        return problem_id

    def finished(self, setter: Actor) -> str:
        """Write a draft that can be published."""
        problem_id = self.filled(setter)
        self.problems.take_model(setter, problem_id, self.model(), "relapse.keras")
        out = self.place / "inspected"
        out.mkdir()
        folder = self.folder(problem_id)
        _inspect(folder.folder / "model.keras", out)
        layers = json.loads((out / "layers.json").read_text())["layers"]
        manifest = folder.take_in(out, self.row(problem_id).model_sha256)
        shutil.rmtree(out)

        def change(row: ProblemRow) -> None:
            arrays = [
                {"name": a.name, "dtype": a.dtype, "shape": list(a.shape), "trainable": True}
                for a in manifest.arrays
            ]
            row.model_summary = {
                **row.model_summary,
                "state": "fine",
                "layers": layers,
                "arrays": arrays,
                "metrics": list(manifest.metrics),
            }

        self.change(problem_id, change)
        with self.database.session() as session, session.begin():
            for job in session.exec(select(JobRow)).all():
                session.delete(job)
        self.run_dry(problem_id)
        return problem_id

    def run_dry(self, problem_id: str) -> None:
        """Have the draft as it is now count as run dry."""

        def change(row: ProblemRow) -> None:
            with self.database.session() as session:
                row.dry_run_of = content_of(session, self.row(problem_id)).sha256

        self.change(problem_id, change)

    def published(self, setter: Actor, *, admission: str = "anyone") -> str:
        """Publish a problem."""
        problem_id = self.finished(setter)
        self.problems.set_admission(setter, problem_id, admission)
        self.problems.publish(setter, problem_id)
        return problem_id

    def member(self, name: str, problem_id: str) -> Actor:
        """Make a data holder who takes part."""
        holder = self.person(name, Role.HOLDER)
        self.memberships.join(holder, problem_id)
        return holder

    def row(self, problem_id: str) -> ProblemRow:
        """Read a problem's row."""
        with self.database.session() as session:
            return session.get_one(ProblemRow, problem_id)

    def change(self, problem_id: str, change: Callable[[ProblemRow], object]) -> None:
        """Change a problem's row as the status service or the supervisor would."""
        with self.database.session() as session, session.begin():
            row = session.get_one(ProblemRow, problem_id)
            change(row)
            session.add(row)

    def set_status(self, problem_id: str, status: str) -> None:
        """Have a problem be in a status."""
        self.change(problem_id, lambda row: setattr(row, "status", status))

    def commands(self, problem_id: str) -> list[tuple[str, int]]:
        """List what its coordinator was told, oldest first."""
        with self.database.session() as session:
            found = session.exec(
                select(CommandRow)
                .where(col(CommandRow.problem_id) == problem_id)
                .order_by(col(CommandRow.created_unix_s), col(CommandRow.value))
            ).all()
        return [(row.what, row.value) for row in found]

    def audit(self, problem_id: str = "") -> list[tuple[str, str]]:
        """List who did what, oldest first."""
        query = select(AuditRow).order_by(col(AuditRow.id))
        if problem_id:
            query = query.where(col(AuditRow.problem_id) == problem_id)
        with self.database.session() as session:
            return [(row.actor, row.action) for row in session.exec(query)]

    def add(self, *rows: Any) -> None:
        """Put rows into the database, in this order."""
        with self.database.session() as session, session.begin():
            for row in rows:
                session.add(row)
                session.flush()

    async def work_off(self, timeout_s: float = DEADLINE_S) -> None:
        """Run the job desk until no job is left."""
        await work_off(self.jobs, self.database, timeout_s)


async def work_off(jobs: JobDesk, database: Database, timeout_s: float = DEADLINE_S) -> None:
    """Run a job desk until no job is left."""

    def left() -> bool:
        with database.session() as session:
            under_way = select(JobRow).where(col(JobRow.state).in_(("queued", "running")))
            return session.exec(under_way).first() is not None

    running = asyncio.create_task(jobs.run())
    try:
        async with asyncio.timeout(timeout_s):
            while await asyncio.to_thread(left):
                await asyncio.wait((running,), timeout=0.02)
                assert not running.done(), running.exception()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
