"""What administrators do: users, servers, the audit log, settings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from fedota_server.webserver.account import Account
from fedota_server.webserver.api.account import AccountAnswer
from fedota_server.webserver.api.answers import DONE, Done
from fedota_server.webserver.api.context import Asker, Limit, Offset, ThePlatform
from fedota_server.webserver.api.models import answer_model
from fedota_server.webserver.api.problems import ChangeAnswer, Many, ServerAnswer
from fedota_server.webserver.audit import AuditEntry
from fedota_server.webserver.doctor import Doctor, Finding
from fedota_server.webserver.permissions import Action, Role, require
from fedota_server.webserver.registration_rules import RegistrationView
from fedota_server.webserver.views import Page, ServerView

router = APIRouter(prefix="/admin", tags=["administration"])

AccountPage: Any = answer_model(Page[Account])
FindingAnswer: Any = answer_model(Finding)
RegistrationAnswer: Any = answer_model(RegistrationView)


class NewUser(BaseModel):
    """An account that is to be added."""

    model_config = ConfigDict(extra="forbid")

    email: str = Field(examples=["ada@example.org"])
    name: str = Field(examples=["Ada Lovelace"])
    roles: list[Role] = Field(examples=[["setter", "holder"]])


class MadeUser(BaseModel):
    """An account that was added."""

    account: AccountAnswer
    password: str = Field(description="The first one, which its owner must change.")


class Roles(BaseModel):
    """What an account is to be."""

    model_config = ConfigDict(extra="forbid")

    roles: list[Role]


class Disabled(BaseModel):
    """Whether an account is to be let in."""

    model_config = ConfigDict(extra="forbid")

    disabled: bool


class FirstPassword(BaseModel):
    """A password that its owner must change."""

    password: str


class NewRegistration(BaseModel):
    """Who may register."""

    model_config = ConfigDict(extra="forbid")

    mode: Literal["open", "code", "closed"]
    code: SecretStr | None = Field(default=None, description="Null keeps the one that is set.")
    roles: list[Role] | None = Field(default=None, description="Of new accounts; null keeps them.")


@router.get("/users", response_model=AccountPage)
def list_users(
    platform: ThePlatform,
    actor: Asker,
    search: Annotated[str, Query(description="In name and e-mail address.")] = "",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Page[Account]:
    """List accounts by name."""
    found, total = platform.accounts.users(actor, search, offset, limit)
    return Page(tuple(found), total, offset, limit)


@router.post("/users", status_code=201, response_model=MadeUser)
def add_user(platform: ThePlatform, actor: Asker, wanted: NewUser) -> dict[str, object]:
    """Add an account."""
    account, password = platform.accounts.add_user(actor, wanted.email, wanted.name, wanted.roles)
    return {"account": account, "password": password}


@router.put("/users/{user_id}/roles", response_model=AccountAnswer)
def set_roles(platform: ThePlatform, actor: Asker, user_id: int, wanted: Roles) -> Account:
    """Give an account these roles, in place of those that it holds."""
    return platform.accounts.set_roles(actor, user_id, wanted.roles)


@router.put("/users/{user_id}/disabled", response_model=AccountAnswer)
def set_disabled(platform: ThePlatform, actor: Asker, user_id: int, wanted: Disabled) -> Account:
    """Let an account in no more, or again; its sessions end and its tokens are revoked."""
    return platform.accounts.set_disabled(actor, user_id, wanted.disabled)


@router.post("/users/{user_id}/reset-password")
def reset_password(platform: ThePlatform, actor: Asker, user_id: int) -> FirstPassword:
    """Give an account a new first password, which its owner must change."""
    return FirstPassword(password=platform.accounts.reset_password(actor, user_id))


@router.get("/servers", response_model=list[ServerAnswer])
def list_all_servers(platform: ThePlatform, actor: Asker) -> list[ServerView]:
    """List the servers of every problem."""
    return platform.problems.servers(actor)


@router.get("/audit", response_model=list[ChangeAnswer])
def read_audit(
    platform: ThePlatform,
    actor: Asker,
    who: Annotated[str, Query(description="In who did it, or to whom.")] = "",
    action: Annotated[str, Query(description="In what was done.")] = "",
    problem_id: Annotated[str, Query(description="Only what was done to it.")] = "",
    before: Annotated[int | None, Query(description="Only those before this `entry_id`.")] = None,
    limit: Many = 100,
) -> list[AuditEntry]:
    """Read who did what, newest first."""
    return platform.audit.entries(
        actor, problem_id=problem_id, who=who, action=action, before_id=before, limit=limit
    )


@router.get("/health", response_model=list[FindingAnswer])
def read_health(platform: ThePlatform, actor: Asker) -> list[Finding]:
    """Look the installation over, as `fedota doctor`; takes a few seconds."""
    require(actor, Action.SEE_SERVERS)
    return Doctor(platform.settings).checks()


@router.get("/registration", response_model=RegistrationAnswer)
def read_registration(platform: ThePlatform, actor: Asker) -> RegistrationView:
    """Tell who may register."""
    require(actor, Action.CHANGE_SETTINGS)
    return platform.accounts.registration()


@router.put("/registration")
def set_registration(platform: ThePlatform, actor: Asker, wanted: NewRegistration) -> Done:
    """Say who may register."""
    code = wanted.code.get_secret_value() if wanted.code else None
    platform.accounts.set_registration(actor, wanted.mode, code, wanted.roles)
    return DONE
