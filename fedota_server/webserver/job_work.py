"""What each kind of job does: inspect a model, run a draft dry, score a round's model."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from fedota_proto.errors import ConflictError, FedotaError, FolderError
from fedota_proto.manifest import Manifest
from fedota_proto.problem import PROBLEM_FILE, Problem
from fedota_server.authority import PlatformHome
from fedota_server.checkpoint_index import CheckpointKey
from fedota_server.dry_run import DryRun, metrics_words, read_score
from fedota_server.jobs import JobRunner, as_argument
from fedota_server.model_export import find_checkpoint, open_checkpoints
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.database import Database
from fedota_server.webserver.job_progress import JobProgress
from fedota_server.webserver.problems.draft_content import MODEL_FILE
from fedota_server.webserver.problems.publishing import content_of
from fedota_server.webserver.problems.use_cases import problem_folder
from fedota_server.webserver.tables import EvaluationRow, JobRow, ProblemRow
from fedota_server.webserver.threads import in_thread

TEST_FILE = "test file"
_HASH_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class JobOutcome:
    """How a job that went well ended.

    Parameters
    ----------
    message
        In a sentence.
    result
        What it found, beside what the row holds already.
    """

    message: str
    result: dict[str, Any] = field(default_factory=dict)


class JobWork:
    """Carries jobs out, on copies of what they look at, so that nobody's change disturbs them.

    Parameters
    ----------
    database
        Migrated.
    home
        The platform's folder.
    clock
        Seconds since 1970.
    """

    def __init__(self, database: Database, home: PlatformHome, clock: Callable[[], float]) -> None:
        self._database = database
        self._home = home
        self._clock = clock

    async def carry_out(self, job: JobRow, jobs: JobRunner, progress: JobProgress) -> JobOutcome:
        """Do a job.

        Raises
        ------
        FedotaError
            It failed; the message is for whoever wanted it.
        """
        folder = problem_folder(self._home, job.problem_id)
        work = {"inspect": self._inspect, "dry run": self._dry_run, "score": self._score}
        try:
            with folder.intake() as place:
                return await work[job.kind](job, folder, place, jobs, progress)
        except OSError as error:
            raise FolderError(
                f"A file of the problem cannot be read or written ({error.strerror}): check the "
                "free space of the platform's folder, then run it again."
            ) from error

    def refuse_model(self, job: JobRow, refusal: str) -> None:
        """Write down that the model which a job inspected is refused."""
        with self._database.session() as session, session.begin():
            row = session.get(ProblemRow, job.problem_id, with_for_update=True)
            if row is not None and row.model_sha256 == job.result.get("sha256"):
                row.model_summary = {**row.model_summary, "state": "refused", "refusal": refusal}
                session.add(row)

    async def _inspect(
        self,
        job: JobRow,
        folder: ProblemFolder,
        place: Path,
        jobs: JobRunner,
        progress: JobProgress,
    ) -> JobOutcome:
        sha256 = str(job.result.get("sha256"))
        model, out = place / MODEL_FILE, place / "out"
        out.mkdir()
        with progress.step("Keras loads the model"):
            await in_thread(_link_model, folder, model, sha256)
            await jobs.client(
                "inspect",
                *("--model", as_argument(model), "--out", as_argument(out)),
                reads=(model,),
                writes=(out,),
            )
        manifest, layers = await in_thread(self._take_over_model, job, folder, out, sha256)
        progress.say(f"Keras loaded the model: {len(layers)} layers")
        return JobOutcome(f"The model is fine: {len(manifest.arrays)} arrays will be federated.")

    def _take_over_model(
        self, job: JobRow, folder: ProblemFolder, out: Path, sha256: str
    ) -> tuple[Manifest, list[dict[str, Any]]]:
        layers = _read_layers(out / "layers.json")
        with self._database.session() as session, session.begin():
            row = session.get(ProblemRow, job.problem_id, with_for_update=True)
            if row is None or row.model_sha256 != sha256:
                raise _replaced()
            manifest = folder.take_in(out, sha256)
            row.model_summary = {
                **row.model_summary,
                "state": "fine",
                "layers": layers,
                "parameters": sum(layer["parameters"] for layer in layers),
                "arrays": [
                    {
                        "name": one.name,
                        "dtype": one.dtype,
                        "shape": list(one.shape),
                        "trainable": one.trainable,
                    }
                    for one in manifest.arrays
                ],
                "size_bytes": manifest.size_bytes,
                "optimizer": str(manifest.optimizer.get("name", "")),
                "loss": manifest.loss,
                "metrics": list(manifest.metrics),
                "inputs": [one.name for one in manifest.inputs],
            }
            session.add(row)
        return manifest, layers

    async def _dry_run(
        self,
        job: JobRow,
        folder: ProblemFolder,
        place: Path,
        jobs: JobRunner,
        progress: JobProgress,
    ) -> JobOutcome:
        of = str(job.result.get("of"))
        problem, test_file = await in_thread(self._snapshot, job, folder, place, of)
        workplace = place / "work"
        workplace.mkdir()
        run = DryRun(
            problem_dir=place,
            problem=problem,
            manifest=place / folder.manifest_path.name,
            initial=place / folder.initial_path.name,
            place=workplace,
        )
        metrics = await run.run(jobs, step=progress.step, say=progress.say)
        if test_file:
            with progress.step("your test file is scored"):
                _, scored = await _score_table(
                    jobs, place, problem, run.aggregated, folder.test_path, place / "test-scored"
                )
            progress.say(f"your test file was scored ({metrics_words(scored)})")
        await in_thread(self._note_dry_run, job.problem_id, of)
        return JobOutcome("The dry run passed.", {"metrics": metrics})

    def _snapshot(
        self, job: JobRow, folder: ProblemFolder, place: Path, of: str
    ) -> tuple[Problem, str]:
        """Put the draft, its model and what was made of it into a folder of their own."""
        with self._database.session() as session:
            row = session.get(ProblemRow, job.problem_id)
            content = content_of(session, row) if row else None
        problem = content.problem() if content else None
        if row is None or content is None or problem is None or content.sha256 != of:
            raise ConflictError("The draft was changed meanwhile: run it dry again.")
        identity = folder.existing_identity()
        if identity is None or identity.model_sha256 != row.model_sha256:
            raise _replaced()
        (place / PROBLEM_FILE).write_text(content.toml, encoding="utf-8")
        _link_model(folder, place / MODEL_FILE, row.model_sha256)
        for path in (folder.manifest_path, folder.initial_path):
            os.link(path, place / path.name)
        return problem, row.test_file

    def _note_dry_run(self, problem_id: str, of: str) -> None:
        with self._database.session() as session, session.begin():
            row = session.get(ProblemRow, problem_id, with_for_update=True)
            if row is not None:
                row.dry_run_of = of
                session.add(row)

    async def _score(
        self,
        job: JobRow,
        folder: ProblemFolder,
        place: Path,
        jobs: JobRunner,
        progress: JobProgress,
    ) -> JobOutcome:
        key = await in_thread(_link_newest, folder, place / "arrays.safetensors")
        if key is None:
            return JobOutcome("This round's model was scored before a roll-back led to it.")
        with progress.step(f"the model of round {key.server_round} is scored"):
            examples, metrics = await _score_table(
                jobs,
                folder.folder,
                await in_thread(folder.problem),
                place / "arrays.safetensors",
                folder.test_path,
                place / "scored",
            )
        await in_thread(self._keep_score, job.problem_id, folder, key, float(examples), metrics)
        progress.say(f"round {key.server_round}: {metrics_words(metrics)}")
        return JobOutcome(
            f"The model of round {key.server_round} was scored.",
            {"metrics": metrics, "scored_round": key.server_round},
        )

    def _keep_score(
        self,
        problem_id: str,
        folder: ProblemFolder,
        key: CheckpointKey,
        examples: float,
        metrics: dict[str, float],
    ) -> None:
        checkpoints = open_checkpoints(folder)
        superseded = checkpoints is not None and key not in checkpoints.index.line()
        with self._database.session() as session, session.begin():
            # Rows of this source are this desk's alone, and it scores one round at a time.
            row = session.exec(
                select(EvaluationRow).where(
                    col(EvaluationRow.problem_id) == problem_id,
                    col(EvaluationRow.generation) == key.generation,
                    col(EvaluationRow.server_round) == key.server_round,
                    col(EvaluationRow.source) == TEST_FILE,
                )
            ).first() or EvaluationRow(
                problem_id=problem_id,
                generation=key.generation,
                server_round=key.server_round,
                source=TEST_FILE,
                unix_s=0.0,
            )
            row.metrics, row.weight, row.superseded = metrics, examples, superseded
            row.unix_s = self._clock()
            session.add(row)


async def _score_table(
    jobs: JobRunner, problem_dir: Path, problem: Problem, arrays: Path, table: Path, place: Path
) -> tuple[int, dict[str, float]]:
    """Score arrays in the problem's model on a table; `place` is made for the result."""
    await in_thread(place.mkdir)
    out = place / "score.json"
    await jobs.client(
        "score",
        *("--problem", as_argument(problem_dir)),
        *("--arrays", as_argument(arrays)),
        *("--data", as_argument(table)),
        *("--out", as_argument(out)),
        reads=(problem_dir / PROBLEM_FILE, problem_dir / problem.model_file, arrays, table),
        writes=(place,),
    )
    return read_score(out)


def _link_newest(folder: ProblemFolder, place: Path) -> CheckpointKey | None:
    """Hold on to the newest completed round's arrays; None where a roll-back copied them."""
    checkpoints = open_checkpoints(folder)
    key = find_checkpoint(checkpoints)
    if checkpoints is None or (
        key.generation > 0 and checkpoints.index.bases.get(key.generation) == key.server_round
    ):
        return None
    os.link(checkpoints.path(key, "arrays"), place)
    return key


def _link_model(folder: ProblemFolder, place: Path, sha256: str) -> None:
    """Hold on to the model as it is now, whatever is uploaded later."""
    os.link(folder.folder / MODEL_FILE, place)
    digest = hashlib.sha256()
    with place.open("rb") as file:
        while chunk := file.read(_HASH_READ_BYTES):
            digest.update(chunk)
    if digest.hexdigest() != sha256:
        raise _replaced()


def _replaced() -> ConflictError:
    return ConflictError("Another model was uploaded meanwhile: that one is looked at instead.")


def _read_layers(path: Path) -> list[dict[str, Any]]:
    try:
        return [
            {
                "name": str(layer["name"]),
                "type": str(layer["type"]),
                "shape": str(layer["shape"]),
                "parameters": int(layer["parameters"]),
            }
            for layer in json.loads(path.read_text())["layers"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise FedotaError(
            "The job that inspects the model wrote no list of layers: this is a defect, report it.",
            detail=repr(error),
        ) from error
