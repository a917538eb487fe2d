"""Writing a problem: its steps, its files, the dry run, publishing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from fedota_server.webserver.api.answers import DONE, Done, JobId, ProblemId
from fedota_server.webserver.api.context import (
    Asker,
    Text,
    ThePlatform,
    body_of,
)
from fedota_server.webserver.api.models import answer_model
from fedota_server.webserver.receiving import Receiver
from fedota_server.webserver.views import DraftView

router = APIRouter(prefix="/problems", tags=["writing a problem"])

DraftAnswer: Any = answer_model(DraftView, "problem")

_TOML = body_of("application/toml", "A problem.toml, or the part of it that is named.")
_FILE = body_of("application/octet-stream", "The file's bytes.")
_CSV = body_of("text/csv", "Some examples; the first row names the columns. It is not kept.")
_TEST_FILE = body_of("application/octet-stream", "Examples in the declared form.")

FileName = Annotated[
    str, Query(alias="name", min_length=1, max_length=200, description="How you call the file.")
]
Section = dict[str, Any]


class NewProblem(BaseModel):
    """A draft that is to be begun."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(examples=["Breast cancer, from cell nuclei"])


class About(BaseModel):
    """What data holders read first."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(examples=["Breast cancer, from cell nuclei"])
    description: str = Field(default="", description="Markdown; HTML in it is shown as text.")


class Strategy(BaseModel):
    """How updates become the next model."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["FedAvg"])
    parameters: dict[str, Any] = Field(default_factory=dict, examples=[{"proximal_mu": 0.1}])


class WhoMayJoin(BaseModel):
    """Who may take part."""

    model_config = ConfigDict(extra="forbid")

    admission: Literal["anyone", "approval"]


class Selectors(BaseModel):
    """How many selectors hold the clients' connections."""

    model_config = ConfigDict(extra="forbid")

    selectors: int = Field(ge=1, examples=[2])


class Proposal(BaseModel):
    """A section that was made from a sample."""

    data: Section = Field(description="To be looked through, then sent to `/problems/…/data`.")


@router.post("", status_code=201)
def create_problem(platform: ThePlatform, actor: Asker, wanted: NewProblem) -> ProblemId:
    """Begin a draft."""
    return ProblemId(problem_id=platform.problems.create(actor, wanted.title))


@router.post("/{problem_id}/copy", status_code=201)
def copy_problem(platform: ThePlatform, actor: Asker, problem_id: str) -> ProblemId:
    """Begin a draft with all that a problem of your own says, its model too."""
    return ProblemId(problem_id=platform.problems.copy(actor, problem_id))


@router.delete("/{problem_id}")
def delete_draft(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Delete a draft and all that was uploaded for it."""
    platform.problems.delete_draft(actor, problem_id)
    return DONE


@router.get("/{problem_id}/draft", response_model=DraftAnswer)
def read_draft(platform: ThePlatform, actor: Asker, problem_id: str) -> DraftView:
    """Show every step of a draft: what is saved, what is missing, what is wrong."""
    return platform.problems.draft(actor, problem_id)


@router.put("/{problem_id}/toml", openapi_extra=_TOML)
def import_toml(platform: ThePlatform, actor: Asker, problem_id: str, text: Text) -> Done:
    """Take over a whole problem.toml; the model stays the uploaded one."""
    platform.problems.import_toml(actor, problem_id, text)
    return DONE


@router.put("/{problem_id}/about")
def set_about(platform: ThePlatform, actor: Asker, problem_id: str, wanted: About) -> Done:
    """Save title and description."""
    platform.problems.set_about(actor, problem_id, wanted.title, wanted.description)
    return DONE


@router.put("/{problem_id}/data")
def set_data(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Section) -> Done:
    """Save the data's format: the section `[data]` as an object."""
    platform.problems.set_data(actor, problem_id, wanted)
    return DONE


@router.put("/{problem_id}/data/toml", openapi_extra=_TOML)
def set_data_toml(platform: ThePlatform, actor: Asker, problem_id: str, text: Text) -> Done:
    """Save the data's format from the `[data]` part of a problem.toml."""
    platform.problems.set_data_toml(actor, problem_id, text)
    return DONE


@router.post("/{problem_id}/data/proposal", openapi_extra=_CSV)
async def propose_data(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    request: Request,
    target: Annotated[str, Query(description="The predicted column; else the last one.")] = "",
) -> Proposal:
    """Propose the data's format from a sample; neither is kept."""
    # Who may not is told before the body is read.
    await run_in_threadpool(platform.problems.draft, actor, problem_id)
    async with _received(request, ".csv") as sample:
        data = await run_in_threadpool(
            platform.problems.propose_data, actor, problem_id, sample, target
        )
    return Proposal(data=data)


@router.put("/{problem_id}/model", status_code=202, openapi_extra=_FILE)
async def upload_model(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    request: Request,
    name: FileName = "model.keras",
) -> JobId:
    """Upload the compiled `.keras` file; a job then inspects it."""
    await run_in_threadpool(platform.problems.draft, actor, problem_id)
    async with _received(request) as place:
        job_id = await run_in_threadpool(
            platform.problems.take_model, actor, problem_id, place, name
        )
    return JobId(job_id=job_id)


@router.put("/{problem_id}/test-file", openapi_extra=_TEST_FILE)
async def upload_test_file(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    request: Request,
    name: FileName = "test.csv",
) -> Done:
    """Upload private examples on which each round's model is scored.

    A CSV table, an .npz file, or a zip of a folder of pictures or texts, by the kind of the data.
    """
    await run_in_threadpool(platform.problems.draft, actor, problem_id)
    async with _received(request) as place:
        await run_in_threadpool(platform.problems.take_test_file, actor, problem_id, place, name)
    return DONE


@router.delete("/{problem_id}/test-file")
def remove_test_file(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Remove the test file; scores that it gave stay."""
    platform.problems.remove_test_file(actor, problem_id)
    return DONE


@router.put("/{problem_id}/strategy")
def set_strategy(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Strategy) -> Done:
    """Save the strategy and its parameters."""
    platform.problems.set_strategy(actor, problem_id, wanted.name, wanted.parameters)
    return DONE


@router.put("/{problem_id}/rounds")
def set_rounds(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Section) -> Done:
    """Save the round rules: the section `[rounds]` as an object."""
    platform.problems.set_rounds(actor, problem_id, wanted)
    return DONE


@router.put("/{problem_id}/training")
def set_training(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Section) -> Done:
    """Save how clients train: the section `[training]` as an object."""
    platform.problems.set_training(actor, problem_id, wanted)
    return DONE


@router.put("/{problem_id}/privacy")
def set_privacy(
    platform: ThePlatform, actor: Asker, problem_id: str, wanted: Section | None = None
) -> Done:
    """Save what noise is demanded: the section `[privacy]` as an object; null: none."""
    platform.problems.set_privacy(actor, problem_id, wanted)
    return DONE


@router.put("/{problem_id}/admission")
def set_admission(platform: ThePlatform, actor: Asker, problem_id: str, wanted: WhoMayJoin) -> Done:
    """Save who may join."""
    platform.problems.set_admission(actor, problem_id, wanted.admission)
    return DONE


@router.put("/{problem_id}/selectors")
def set_selectors(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Selectors) -> Done:
    """Save with how many selectors the problem starts."""
    platform.problems.set_selectors(actor, problem_id, wanted.selectors)
    return DONE


@router.post("/{problem_id}/dry-run", status_code=202)
def run_dry(platform: ThePlatform, actor: Asker, problem_id: str) -> JobId:
    """Have a whole round run on fake data, as a job."""
    return JobId(job_id=platform.problems.dry_run(actor, problem_id))


@router.post("/{problem_id}/publish")
def publish(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Make it public; a dry run of exactly this content must have passed."""
    platform.problems.publish(actor, problem_id)
    return DONE


def _received(request: Request, suffix: str = ".part") -> Any:
    receiver: Receiver = request.app.state.receiver
    declared = request.headers.get("content-length", "")
    return receiver.received(request.stream(), int(declared) if declared.isdigit() else 0, suffix)
