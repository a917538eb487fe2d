"""Files that a setter uploads: the model, and a private test file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePath
from typing import Any

from sqlmodel import Session, col, select

from fedota_proto.data_format import KINDS, DataFormat
from fedota_proto.errors import ConflictError, FolderError, ModelFileError
from fedota_proto.model_file import ModelSummary, check_model_file
from fedota_proto.units import size_words
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.audit import record
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.draft_content import MODEL_FILE, DraftContent
from fedota_server.webserver.problems.held_out_file import check_test_file
from fedota_server.webserver.problems.use_cases import UseCases, find_problem, new_id
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import JobRow, ProblemRow

_NAME_MAX = 200
_HASH_READ_BYTES = 1 << 20


class ModelIntake(UseCases):
    """Takes files in: each is moved into the problem's folder whole, or not at all."""

    def take_model(self, actor: Actor, problem_id: str, upload: Path, name: str) -> str:
        """Take a model in, check it without Keras, and have the inspect job look at it.

        It takes the place of the one before; a dry run of that one no longer counts.

        Parameters
        ----------
        upload
            A temporary file on the disk of the platform's folder; it is gone afterwards.
        name
            How its owner calls it.

        Returns
        -------
        str
            The job's id.

        Raises
        ------
        ConflictError
            The problem was published.
        ModelFileError
            The file is refused; nothing of it is kept, and the model before it stays.
        FolderError
            It cannot be written.
        """
        with _gone_afterwards(upload):
            with self._database.session() as session:
                row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM)
                refuse_unless("edit", Status(row.status))
            shown = _shown_name(name)
            if not shown.endswith(".keras"):
                raise ModelFileError(
                    f'{shown} does not end in .keras: save it with model.save("model.keras").',
                    place=shown,
                )
            size_bytes = self._check_size(upload, shown)
            summary = _checked_model(upload, shown)
            sha256 = _sha256(upload)
            job = self._new_job(problem_id, "inspect", actor, {"sha256": sha256})
            with (
                self._alone_in(problem_id),
                self._database.session() as session,
                session.begin(),
            ):
                row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM, writing=True)
                refuse_unless("edit", Status(row.status))
                row.model_name, row.model_sha256 = shown, sha256
                row.model_summary = _first_summary(summary, size_bytes)
                row.dry_run_of = ""
                row.updated_unix_s = job.created_unix_s
                session.add(row)
                _drop_queued(session, problem_id, "inspect", job.created_unix_s)
                session.add(job)
                record(
                    session,
                    job.created_unix_s,
                    actor,
                    "upload a model",
                    problem_id=problem_id,
                    subject=shown,
                    detail=f"SHA-256 {sha256}",
                )
                session.flush()
                _move(upload, self._folder(problem_id).folder / MODEL_FILE)
        self._wake()
        return job.id

    def take_test_file(self, actor: Actor, problem_id: str, upload: Path, name: str) -> None:
        """Take in private examples on which each completed round's model is scored.

        They come as a CSV table, an .npz file or a zip of a folder of pictures or texts, by the
        kind of the problem's data.

        It can be given and replaced as long as the problem is not archived. It never leaves the
        platform, and nobody but the problem's setter and admins learns its name.

        Parameters
        ----------
        upload
            A temporary file on the disk of the platform's folder; it is gone afterwards.
        name
            How its owner calls it.

        Raises
        ------
        ConflictError
            The problem's data is not described yet, or it is archived.
        DataError
            It does not keep the declared format.
        FolderError
            It cannot be written.
        """
        with _gone_afterwards(upload):
            shown = _shown_name(name)
            with self._database.session() as session:
                row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM)
            self._check_size(upload, shown)
            data_format = _data_format(row)
            check_test_file(upload, shown, data_format)
            with (
                self._alone_in(problem_id),
                self._database.session() as session,
                session.begin(),
            ):
                row = self._with_test_file(session, actor, problem_id, shown)
                session.flush()
                folder = self._folder(problem_id)
                _move(upload, folder.test_path_of(data_format.kind))
                _remove_test_files(folder, but=data_format.kind)
        self._wake()

    def remove_test_file(self, actor: Actor, problem_id: str) -> None:
        """Remove the test file; scores that it gave stay."""
        with self._alone_in(problem_id):
            with self._database.session() as session, session.begin():
                self._with_test_file(session, actor, problem_id, "")
            _remove_test_files(self._folder(problem_id))

    def _with_test_file(
        self, session: Session, actor: Actor, problem_id: str, name: str
    ) -> ProblemRow:
        row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM, writing=True)
        if row.status == Status.ARCHIVED:
            raise ConflictError("This problem is archived: nothing of it is changed any more.")
        row.test_file = name
        if row.status == Status.DRAFT:
            row.dry_run_of = ""
        row.updated_unix_s = self._clock()
        session.add(row)
        record(
            session,
            row.updated_unix_s,
            actor,
            "upload a test file" if name else "remove the test file",
            problem_id=row.id,
            subject=name,
        )
        return row

    def _check_size(self, upload: Path, name: str) -> int:
        try:
            size_bytes = upload.stat().st_size
        except OSError as error:
            raise FolderError(
                f"The upload of {name} is not there ({error.strerror}): upload it again."
            ) from error
        most = self._settings.model_max_bytes
        if size_bytes > most:
            raise FolderError(
                f"{name} has {size_words(size_bytes)}; at most {size_words(most)} are taken here."
            )
        return size_bytes

    def _new_job(self, problem_id: str, kind: str, actor: Actor, result: dict[str, Any]) -> JobRow:
        return JobRow(
            id=new_id(),
            problem_id=problem_id,
            kind=kind,
            result=result,
            actor_id=actor.account_id,
            created_unix_s=self._clock(),
        )


@contextmanager
def _gone_afterwards(upload: Path) -> Iterator[None]:
    try:
        yield
    finally:
        upload.unlink(missing_ok=True)


def _shown_name(name: str) -> str:
    """Take a file's own name from what a browser says: no folder, nothing that cannot be shown."""
    last = PurePath(name.replace("\\", "/")).name
    shown = "".join(character for character in last if character.isprintable())
    return shown[-_NAME_MAX:] or "the file"


def _checked_model(upload: Path, shown: str) -> ModelSummary:
    try:
        return check_model_file(upload)
    except ModelFileError as error:
        said = error.public_message.removeprefix(f"{upload.name}: ")
        raise ModelFileError(f"{shown}: {said}", place=error.place) from None


def _first_summary(summary: ModelSummary, size_bytes: int) -> dict[str, Any]:
    """Write down what is known before the inspect job has run; the model's arrays come with it."""
    return {
        "state": "checking",
        "file_bytes": size_bytes,
        "layers": [{"name": one.name, "type": one.class_name} for one in summary.layers],
        "arrays": [
            {"name": one.name, "dtype": one.dtype, "shape": list(one.shape), "trainable": True}
            for one in summary.arrays
        ],
        "parameters": summary.parameters,
        "size_bytes": summary.size_bytes,
        "optimizer": summary.optimizer,
        "loss": ", ".join(summary.loss),
        "metrics": list(summary.metrics),
        "inputs": list(summary.inputs),
        "keras_version": summary.keras_version,
    }


def _data_format(row: ProblemRow) -> DataFormat:
    problem = DraftContent(
        title="-",
        description="",
        setter="",
        sections={
            "strategy": {"name": "FedAvg"},
            "rounds": {"rounds": 1, "goal_count": 3, "reporting_deadline_s": 600},
            **{name: section for name, section in row.draft.items() if name == "data"},
        },
    ).problem()
    if problem is None:
        raise ConflictError("Describe the problem's data first: the test file must keep to it.")
    return problem.data


def _remove_test_files(folder: ProblemFolder, but: str = "") -> None:
    for kind in KINDS:
        path = folder.test_path_of(kind)
        if not but or path != folder.test_path_of(but):
            path.unlink(missing_ok=True)


def _drop_queued(session: Session, problem_id: str, kind: str, now: float) -> None:
    queued = session.exec(
        select(JobRow).where(
            col(JobRow.problem_id) == problem_id,
            col(JobRow.kind) == kind,
            col(JobRow.state) == "queued",
        )
    )
    for job in queued:
        job.state, job.ended_unix_s = "failed", now
        job.message = "It was not run: a newer one took its place."
        session.add(job)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_HASH_READ_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _move(upload: Path, place: Path) -> None:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with upload.open("rb+") as file:
            os.fsync(file.fileno())
        upload.replace(place)
    except OSError as error:
        raise FolderError(
            f"{place.name} cannot be written ({error.strerror}): check the owner and the free "
            "space of the platform's folder."
        ) from error
