"""A draft as its form shows it."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, col, select

from fedota_server.webserver.job_view import job_view
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.problems.draft_content import write_toml
from fedota_server.webserver.problems.publishing import content_of
from fedota_server.webserver.problems.use_cases import UseCases, find_problem
from fedota_server.webserver.tables import JobRow, ProblemRow
from fedota_server.webserver.views.draft import ArrayView, DraftView, LayerView, ModelView
from fedota_server.webserver.views.job import JobView


class DraftReading(UseCases):
    """Reads what a setter wrote."""

    def draft(self, actor: Actor, problem_id: str) -> DraftView:
        """Show everything of a draft, or of what was published, to its owner or an admin."""
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.EDIT_PROBLEM)
            content = content_of(session, row)
            model_job = _newest_job(session, row.id, "inspect")
            dry_run_job = _newest_job(session, row.id, "dry run")
        sections: dict[str, dict[str, Any]] = dict(row.draft)
        return DraftView(
            problem_id=row.id,
            owner_id=row.owner_id,
            status=row.status,
            title=row.title,
            description=row.description,
            admission=row.admission,
            selectors=row.selectors,
            steps=content.steps(),
            toml=content.toml,
            dry_run_passed=row.dry_run_of == content.sha256,
            updated_unix_s=row.updated_unix_s,
            data=sections.get("data", {}),
            strategy=sections.get("strategy", {}),
            rounds=sections.get("rounds", {}),
            training=sections.get("training", {}),
            privacy=sections.get("privacy", {}),
            model=model_view(row),
            test_file=row.test_file,
            problem=content.problem(),
            model_job=model_job,
            dry_run_job=dry_run_job,
        )

    def format_toml(self, actor: Actor, problem_id: str) -> str:
        """Write the section ``[data]`` of a problem: what `fedota-client check` reads."""
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, Action.SEE_PROBLEM)
        data = row.draft.get("data", {})
        return write_toml({"problem": {"title": row.title}, "data": data})


def model_view(row: ProblemRow) -> ModelView | None:
    """Show a problem's model; None where there is none."""
    if not row.model_sha256:
        return None
    summary = row.model_summary
    return ModelView(
        name=row.model_name,
        sha256=row.model_sha256,
        file_bytes=summary.get("file_bytes", 0),
        state=summary.get("state", "checking"),
        refusal=summary.get("refusal", ""),
        layers=tuple(LayerView(**layer) for layer in summary.get("layers", ())),
        parameters=summary.get("parameters", 0),
        arrays=tuple(
            ArrayView(one["name"], one["dtype"], tuple(one["shape"]), one["trainable"])
            for one in summary.get("arrays", ())
        ),
        size_bytes=summary.get("size_bytes", 0),
        optimizer=summary.get("optimizer", ""),
        loss=summary.get("loss", ""),
        metrics=tuple(summary.get("metrics", ())),
        inputs=tuple(summary.get("inputs", ())),
        keras_version=summary.get("keras_version", ""),
    )


def _newest_job(session: Session, problem_id: str, kind: str) -> JobView | None:
    row = session.exec(
        select(JobRow)
        .where(col(JobRow.problem_id) == problem_id, col(JobRow.kind) == kind)
        .order_by(col(JobRow.created_unix_s).desc())
        .limit(1)
    ).first()
    return job_view(row) if row else None
