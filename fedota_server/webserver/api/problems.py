"""Reading problems, and what their setters wish for them."""

from __future__ import annotations

import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, PlainTextResponse

from fedota_server.webserver.api.answers import DONE, CommandId, Done
from fedota_server.webserver.api.context import Asker, Limit, Offset, ThePlatform
from fedota_server.webserver.api.drafts import Selectors
from fedota_server.webserver.api.models import answer_model, page_of
from fedota_server.webserver.audit import AuditEntry
from fedota_server.webserver.live import ClockView
from fedota_server.webserver.views import (
    CommandView,
    EvaluationView,
    KeptRounds,
    MemberView,
    Page,
    ProblemCard,
    ProblemView,
    RoundView,
    ServerView,
    UpdateView,
)

router = APIRouter(prefix="/problems", tags=["problems"])

CardPage: Any = answer_model(Page[ProblemCard])
ProblemAnswer: Any = answer_model(ProblemView, "problem")
CommandAnswer: Any = answer_model(CommandView)
RoundAnswer: Any = answer_model(RoundView)
EvaluationAnswer: Any = answer_model(EvaluationView)
KeptAnswer: Any = answer_model(KeptRounds)
UpdateAnswer: Any = answer_model(UpdateView)
MemberPage: Any = answer_model(Page[MemberView])
ServerAnswer: Any = answer_model(ServerView)
ClockAnswer: Any = answer_model(ClockView)
ChangeAnswer: Any = answer_model(AuditEntry)

_MODEL: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The model; plain Keras loads it.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_PLAIN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}

Many = Annotated[int, Query(ge=1, le=1000, description="How many at most, the newest.")]


class RollBack(BaseModel):
    """Where to go back to."""

    model_config = ConfigDict(extra="forbid")

    server_round: int = Field(
        ge=0, description="A completed round whose strategy state is kept.", examples=[7]
    )


@router.get("", response_model=CardPage)
def list_problems(
    platform: ThePlatform,
    actor: Asker,
    which: Annotated[
        Literal["catalogue", "mine", "own", "all"],
        Query(
            description="The catalogue; those that you take part in; that you set; all, for admins."
        ),
    ] = "catalogue",
    search: Annotated[str, Query(description="In title, description and setter's name.")] = "",
    status: Annotated[str, Query(description="Only those of this status.")] = "",
    offset: Offset = 0,
    limit: Limit = 24,
) -> Page[ProblemCard]:
    """List problems, newest first."""
    problems = platform.problems
    if which == "own":
        return problems.own(actor, search=search, status=status, offset=offset, limit=limit)
    if which == "all":
        return problems.all(actor, search=search, status=status, offset=offset, limit=limit)
    return problems.catalogue(
        actor, search=search, status=status, mine=which == "mine", offset=offset, limit=limit
    )


@router.get("/{problem_id}", response_model=ProblemAnswer)
def read_problem(platform: ThePlatform, actor: Asker, problem_id: str) -> ProblemView:
    """Show a problem, what taking part means, and what you may do with it now."""
    return platform.problems.view(actor, problem_id)


@router.get("/{problem_id}/format.toml", response_class=PlainTextResponse, responses=_PLAIN)
def read_format(platform: ThePlatform, actor: Asker, problem_id: str) -> str:
    """Show the format that the data must have, as data holders' own checks read it."""
    return platform.problems.format_toml(actor, problem_id)


@router.get("/{problem_id}/clock", response_model=ClockAnswer | None)
def read_clock(platform: ThePlatform, actor: Asker, problem_id: str) -> ClockView | None:
    """Show the open round as its coordinator last told it; null while it does not run."""
    platform.problems.view(actor, problem_id)
    return platform.live.clock(problem_id)


@router.get("/{problem_id}/rounds", response_model=list[RoundAnswer])
def list_rounds(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    generation: Annotated[int | None, Query(description="Only those of this one.")] = None,
    before: Annotated[int | None, Query(description="Only those before this `row_id`.")] = None,
    limit: Many = 100,
) -> list[RoundView]:
    """List the rounds that ended, oldest first; superseded ones only by their generation."""
    return platform.problems.rounds(
        actor, problem_id, generation=generation, before=before, limit=limit
    )


@router.get("/{problem_id}/evaluations", response_model=list[EvaluationAnswer])
def list_evaluations(platform: ThePlatform, actor: Asker, problem_id: str) -> list[EvaluationView]:
    """List how completed rounds' models scored."""
    return platform.problems.evaluations(actor, problem_id)


@router.get("/{problem_id}/kept-rounds", response_model=KeptAnswer)
def read_kept_rounds(platform: ThePlatform, actor: Asker, problem_id: str) -> KeptRounds:
    """Tell which rounds' models can be downloaded, and which can be rolled back to."""
    return platform.problems.kept_rounds(actor, problem_id)


@router.get("/{problem_id}/model", response_class=FileResponse, responses=_MODEL)
def download_model(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    server_round: Annotated[
        int | None, Query(alias="round", ge=0, description="Else the newest.")
    ] = None,
) -> FileResponse:
    """Download a completed round's model as a `.keras` file."""
    folder = platform.settings.home / "uploads"
    folder.mkdir(0o700, parents=True, exist_ok=True)
    place = folder / f"{secrets.token_hex(16)}.keras"
    try:
        exported = platform.problems.export_model(actor, problem_id, place, server_round)
    except BaseException:
        place.unlink(missing_ok=True)
        raise
    return FileResponse(
        place,
        filename=f"{problem_id}-round-{exported}.keras",
        media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(place.unlink, missing_ok=True),
    )


@router.get("/{problem_id}/updates", response_model=list[UpdateAnswer])
def list_updates(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    server_round: Annotated[int | None, Query(alias="round", description="Only of it.")] = None,
    generation: Annotated[int | None, Query(description="Only of it.")] = None,
    limit: Many = 100,
) -> list[UpdateView]:
    """List what became of each update, newest first; for owner and admins."""
    return platform.problems.updates(
        actor, problem_id, server_round, generation=generation, limit=limit
    )


@router.get("/{problem_id}/members", response_model=MemberPage)
def list_members(
    platform: ThePlatform, actor: Asker, problem_id: str, offset: Offset = 0, limit: Limit = 50
) -> Page[MemberView]:
    """List memberships with their clients; for owner and admins."""
    return page_of(platform.problems.members(actor, problem_id), offset, limit)


@router.get("/{problem_id}/changes", response_model=list[ChangeAnswer])
def list_changes(
    platform: ThePlatform,
    actor: Asker,
    problem_id: str,
    before: Annotated[int | None, Query(description="Only those before this `entry_id`.")] = None,
    limit: Many = 100,
) -> list[AuditEntry]:
    """List who changed what, newest first; for owner and admins."""
    return platform.problems.changes(actor, problem_id, before_id=before, limit=limit)


@router.get("/{problem_id}/servers", response_model=list[ServerAnswer])
def list_servers(platform: ThePlatform, actor: Asker, problem_id: str) -> list[ServerView]:
    """List the problem's servers; for owner and admins."""
    return platform.problems.servers(actor, problem_id)


@router.get(
    "/{problem_id}/servers/{server}/log", response_class=PlainTextResponse, responses=_PLAIN
)
def read_log(
    platform: ThePlatform, actor: Asker, problem_id: str, server: str, lines: Many = 200
) -> str:
    """Show the end of a server's log; for owner and admins."""
    return platform.problems.logs(actor, problem_id, server, lines)


@router.get("/{problem_id}/commands/{command_id}", response_model=CommandAnswer)
def read_command(
    platform: ThePlatform, actor: Asker, problem_id: str, command_id: str
) -> CommandView:
    """Tell what became of a command."""
    return platform.problems.command(actor, problem_id, command_id)


@router.post("/{problem_id}/start")
def start(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Have the problem's servers started."""
    platform.problems.start(actor, problem_id)
    return DONE


@router.post("/{problem_id}/pause", status_code=202)
def pause(platform: ThePlatform, actor: Asker, problem_id: str) -> CommandId:
    """Have it paused after the open round; clients stay connected."""
    return CommandId(command_id=platform.problems.pause(actor, problem_id))


@router.post("/{problem_id}/resume", status_code=202)
def resume(platform: ThePlatform, actor: Asker, problem_id: str) -> CommandId:
    """Have it go on; a failed one at its last checkpoint."""
    return CommandId(command_id=platform.problems.resume(actor, problem_id))


@router.post("/{problem_id}/stop", status_code=202)
def stop(platform: ThePlatform, actor: Asker, problem_id: str) -> CommandId:
    """Have the open round abandoned, and the problem completed with its last checkpoint."""
    return CommandId(command_id=platform.problems.stop(actor, problem_id))


@router.post("/{problem_id}/roll-back", status_code=202)
def roll_back(platform: ThePlatform, actor: Asker, problem_id: str, wanted: RollBack) -> CommandId:
    """Have it go on from an earlier round; the rounds after it stay in the history."""
    return CommandId(command_id=platform.problems.roll_back(actor, problem_id, wanted.server_round))


@router.post("/{problem_id}/scale")
def scale(platform: ThePlatform, actor: Asker, problem_id: str, wanted: Selectors) -> Done:
    """Have so many selectors run."""
    platform.problems.scale(actor, problem_id, wanted.selectors)
    return DONE


@router.post("/{problem_id}/archive")
def archive(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Take it out of the catalogue and stop its servers; its models can still be had."""
    platform.problems.archive(actor, problem_id)
    return DONE
