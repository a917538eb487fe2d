"""Drafts made from others, and thrown away."""

from __future__ import annotations

import shutil
from typing import Any

from sqlmodel import col, delete

from fedota_proto.errors import ConflictError, FolderError
from fedota_server.webserver.audit import record
from fedota_server.webserver.permissions import Action, Actor, require
from fedota_server.webserver.problems.draft_content import MODEL_FILE
from fedota_server.webserver.problems.use_cases import UseCases, find_problem, new_id
from fedota_server.webserver.statuses import Status, refuse_unless
from fedota_server.webserver.tables import CommandRow, JobRow, ProblemRow

_TITLE_MAX = 200


class DraftLife(UseCases):
    """How drafts come from problems, and go."""

    def copy(self, actor: Actor, problem_id: str) -> str:
        """Begin a draft with all that a problem of one's own says, its model too.

        Returns
        -------
        str
            The new problem's id.
        """
        require(actor, Action.CREATE_PROBLEM)
        with self._database.session() as session:
            old = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM)
        now = self._clock()
        title = f"{old.title[: _TITLE_MAX - 7]} (copy)"
        new = ProblemRow(
            id=new_id(),
            owner_id=actor.user_id,
            created_unix_s=now,
            updated_unix_s=now,
            **{**_copied(old), "title": title},
        )
        with self._alone_in(old.id):
            self._copy_files(old, new)
        with self._database.session() as session, session.begin():
            session.add(new)
            record(
                session,
                now,
                actor,
                Action.CREATE_PROBLEM,
                problem_id=new.id,
                detail=f"{title}, from {old.id}",
            )
        return new.id

    def delete_draft(self, actor: Actor, problem_id: str) -> None:
        """Throw a draft away, with its files.

        Raises
        ------
        ConflictError
            It was published.
        """
        with self._alone_in(problem_id):
            with self._database.session() as session, session.begin():
                row = find_problem(session, actor, problem_id, Action.DELETE_DRAFT, writing=True)
                refuse_unless("delete", Status(row.status))
                session.exec(delete(JobRow).where(col(JobRow.problem_id) == row.id))
                session.exec(delete(CommandRow).where(col(CommandRow.problem_id) == row.id))
                session.delete(row)
                record(
                    session,
                    self._clock(),
                    actor,
                    Action.DELETE_DRAFT,
                    problem_id=row.id,
                    detail=row.title,
                )
            shutil.rmtree(self._folder(problem_id).folder, ignore_errors=True)

    def _copy_files(self, old: ProblemRow, new: ProblemRow) -> None:
        source, target = self._folder(old.id), self._folder(new.id)
        target.begin(new.id, new.created_unix_s)
        if not old.model_sha256:
            return
        try:
            shutil.copyfile(source.folder / MODEL_FILE, target.folder / MODEL_FILE)
            if old.model_summary.get("state") != "fine":
                raise ConflictError("Copy the problem when its model has been checked.")
            with target.intake() as place:
                for path in (source.manifest_path, source.initial_path):
                    shutil.copyfile(path, place / path.name)
                target.take_in(place, old.model_sha256)
        except (OSError, ConflictError) as error:
            shutil.rmtree(target.folder, ignore_errors=True)
            if isinstance(error, OSError):
                raise FolderError(
                    f"The model cannot be copied ({error.strerror}): check the free space of the "
                    "platform's folder."
                ) from error
            raise


def _copied(old: ProblemRow) -> dict[str, Any]:
    names = ("description", "admission", "selectors", "draft")
    model = ("model_name", "model_sha256", "model_summary")
    return {name: getattr(old, name) for name in (*names, *(model if old.model_sha256 else ()))}
