"""Long work: inspecting a model, dry runs, scoring."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from fedota_server.webserver.api.context import Asker, ThePlatform
from fedota_server.webserver.api.models import answer_model
from fedota_server.webserver.views import JobView

router = APIRouter(tags=["jobs"])

JobAnswer: Any = answer_model(JobView)


@router.get("/jobs/{job_id}", response_model=JobAnswer)
def read_job(platform: ThePlatform, actor: Asker, job_id: str) -> JobView:
    """Tell how far a job is."""
    return platform.jobs.view(actor, job_id)


@router.get("/problems/{problem_id}/jobs", response_model=list[JobAnswer])
def list_jobs(platform: ThePlatform, actor: Asker, problem_id: str) -> list[JobView]:
    """List a problem's newest jobs."""
    return platform.jobs.of_problem(actor, problem_id)
