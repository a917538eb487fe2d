"""One's own account: name, password, browsers that are signed in, tokens for scripts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from fedota_server.webserver.account import Account, SessionView, TokenView
from fedota_server.webserver.api.answers import DONE, Done
from fedota_server.webserver.api.context import Asker, TheAccount, ThePlatform
from fedota_server.webserver.api.models import answer_model

router = APIRouter(prefix="/account", tags=["account"])

AccountAnswer: Any = answer_model(Account)
SessionAnswer: Any = answer_model(SessionView)
TokenAnswer: Any = answer_model(TokenView)


class NewName(BaseModel):
    """Another name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(examples=["Ada Lovelace"])


class NewPassword(BaseModel):
    """Another password."""

    model_config = ConfigDict(extra="forbid")

    old: SecretStr = Field(description="The present one.")
    new: SecretStr = Field(description="At least 10 characters.")


class NewToken(BaseModel):
    """A token that is to be made."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(description="What it is for.", examples=["notebook"])
    days: float | None = Field(
        default=90, gt=0, description="How long it lasts; null: until it is revoked."
    )


class MadeToken(BaseModel):
    """A token that was made."""

    token: str = Field(description="It is shown this once.", examples=["fdt_…"])
    about: TokenAnswer


@router.get("", response_model=AccountAnswer)
def read_account(account: TheAccount) -> Account:
    """Show whose token this is."""
    return account


@router.put("/name")
def change_name(platform: ThePlatform, actor: Asker, wanted: NewName) -> Done:
    """Take another name."""
    platform.accounts.change_name(actor, wanted.name)
    return DONE


@router.put("/password")
def change_password(platform: ThePlatform, actor: Asker, wanted: NewPassword) -> Done:
    """Take another password; every browser is signed out, tokens go on."""
    platform.accounts.change_password(
        actor, wanted.old.get_secret_value(), wanted.new.get_secret_value()
    )
    return DONE


@router.get("/tokens", response_model=list[TokenAnswer])
def list_tokens(platform: ThePlatform, actor: Asker) -> list[TokenView]:
    """List one's tokens, newest first, without the tokens themselves."""
    return platform.accounts.tokens(actor)


@router.post("/tokens", status_code=201, response_model=MadeToken)
def make_token(platform: ThePlatform, actor: Asker, wanted: NewToken) -> dict[str, object]:
    """Make a token; it may do all that you may."""
    token, view = platform.accounts.make_token(actor, wanted.name, wanted.days)
    return {"token": token, "about": view}


@router.delete("/tokens/{token_id}")
def revoke_token(platform: ThePlatform, actor: Asker, token_id: int) -> Done:
    """Have a token open nothing any more."""
    platform.accounts.revoke_token(actor, token_id)
    return DONE


@router.get("/sessions", response_model=list[SessionAnswer])
def list_sessions(platform: ThePlatform, actor: Asker) -> list[SessionView]:
    """List the browsers that are signed in."""
    return platform.accounts.sessions(actor)


@router.delete("/sessions/{session_id}")
def end_session(platform: ThePlatform, actor: Asker, session_id: int) -> Done:
    """Sign one browser out."""
    platform.accounts.end_session(actor, session_id)
    return DONE


@router.delete("/sessions")
def sign_out_everywhere(platform: ThePlatform, actor: Asker) -> Done:
    """Sign every browser out; tokens go on."""
    platform.accounts.sign_out_everywhere(actor)
    return DONE
