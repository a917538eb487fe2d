"""A job's row, shown."""

from __future__ import annotations

from fedota_server.webserver.tables import JobRow
from fedota_server.webserver.views.job import JobView


def job_view(row: JobRow) -> JobView:
    """Show a job."""
    return JobView(
        job_id=row.id,
        problem_id=row.problem_id,
        kind=row.kind,
        state=row.state,
        steps=tuple(row.steps),
        message=row.message,
        result=dict(row.result),
        created_unix_s=row.created_unix_s,
        started_unix_s=row.started_unix_s,
        ended_unix_s=row.ended_unix_s,
    )
