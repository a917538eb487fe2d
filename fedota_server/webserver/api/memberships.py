"""Taking part in problems, and deciding on who may."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import PlainTextResponse

from fedota_server.webserver.api.answers import DONE, Done
from fedota_server.webserver.api.context import Asker, Limit, Offset, ThePlatform
from fedota_server.webserver.api.models import answer_model, page_of
from fedota_server.webserver.views import ClientView, MembershipView, Page, PartView

router = APIRouter(tags=["memberships"])

MembershipAnswer: Any = answer_model(MembershipView)
MembershipPage: Any = answer_model(Page[MembershipView])
ClientAnswer: Any = answer_model(ClientView)
PartAnswer: Any = answer_model(PartView)

_PLAIN: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/plain": {"schema": {"type": "string"}}}}
}
_ONE = "/problems/{problem_id}"


class JoinRequest(BaseModel):
    """A wish to take part."""

    model_config = ConfigDict(extra="forbid")

    note: str = Field(
        default="", description="For the setter, who decides.", examples=["University Clinic North"]
    )


class Decision(BaseModel):
    """What the setter decides."""

    model_config = ConfigDict(extra="forbid")

    approve: bool


class NewClient(BaseModel):
    """A client that is to be enrolled."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["north-1"])


@router.get("/memberships", response_model=MembershipPage)
def list_my_memberships(
    platform: ThePlatform, actor: Asker, offset: Offset = 0, limit: Limit = 50
) -> Page[MembershipView]:
    """List your memberships and requests, newest first."""
    return page_of(platform.memberships.mine(actor), offset, limit)


@router.get("/requests", response_model=MembershipPage)
def list_requests(
    platform: ThePlatform, actor: Asker, offset: Offset = 0, limit: Limit = 50
) -> Page[MembershipView]:
    """List the open requests that you decide on."""
    return page_of(platform.memberships.requests(actor), offset, limit)


@router.post(f"{_ONE}/join", response_model=MembershipAnswer)
def join(
    platform: ThePlatform, actor: Asker, problem_id: str, wanted: JoinRequest | None = None
) -> MembershipView:
    """Take part: at once where anyone may, else when the setter has approved."""
    return platform.memberships.join(actor, problem_id, wanted.note if wanted else "")


@router.post(f"{_ONE}/withdraw")
def withdraw(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """Take a request back that was not decided yet."""
    platform.memberships.withdraw(actor, problem_id)
    return DONE


@router.post(f"{_ONE}/leave")
def leave(platform: ThePlatform, actor: Asker, problem_id: str) -> Done:
    """End your membership: open streams end within 10 s, and no client comes in again."""
    platform.memberships.leave(actor, problem_id)
    return DONE


@router.get(f"{_ONE}/my-part", response_model=PartAnswer)
def read_my_part(platform: ThePlatform, actor: Asker, problem_id: str) -> PartView:
    """Add up what your clients did."""
    return platform.memberships.my_part(actor, problem_id)


@router.get(f"{_ONE}/clients", response_model=list[ClientAnswer])
def list_clients(platform: ThePlatform, actor: Asker, problem_id: str) -> list[ClientView]:
    """List your clients."""
    return platform.memberships.clients(actor, problem_id)


@router.post(f"{_ONE}/clients", status_code=201, response_model=ClientAnswer)
def enrol_client(
    platform: ThePlatform, actor: Asker, problem_id: str, wanted: NewClient
) -> ClientView:
    """Enrol one more client; its invite then binds it."""
    return platform.memberships.enrol(actor, problem_id, wanted.name)


@router.get(
    f"{_ONE}/clients/{{node_id}}/invite", response_class=PlainTextResponse, responses=_PLAIN
)
def read_invite(
    platform: ThePlatform, actor: Asker, problem_id: str, node_id: int
) -> PlainTextResponse:
    """Show a client's invite, as long as it was not used: `fedota-client join FILE` takes it."""
    text = platform.memberships.invite_text(actor, problem_id, node_id)
    return PlainTextResponse(f"{text}\n", headers={"Cache-Control": "no-store"})


@router.get(f"{_ONE}/memberships", response_model=MembershipPage)
def list_memberships(
    platform: ThePlatform, actor: Asker, problem_id: str, offset: Offset = 0, limit: Limit = 50
) -> Page[MembershipView]:
    """List memberships and requests; for owner and admins."""
    return page_of(platform.memberships.of_problem(actor, problem_id), offset, limit)


@router.post(f"{_ONE}/memberships/{{user_id}}/decide", response_model=MembershipAnswer)
def decide(
    platform: ThePlatform, actor: Asker, problem_id: str, user_id: int, wanted: Decision
) -> MembershipView:
    """Approve or decline a request."""
    return platform.memberships.decide(actor, problem_id, user_id, wanted.approve)


@router.delete(f"{_ONE}/memberships/{{user_id}}")
def revoke(platform: ThePlatform, actor: Asker, problem_id: str, user_id: int) -> Done:
    """End somebody's membership: open streams end within 10 s, and no client comes in again."""
    platform.memberships.revoke(actor, problem_id, user_id)
    return DONE
