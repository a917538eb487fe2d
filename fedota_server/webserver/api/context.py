"""What every endpoint begins with: the platform, and who asks."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from fedota_proto.errors import SignInError, UsageError
from fedota_server.webserver.accounts import Account
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform

PAGE_LIMIT = 200

_bearer = HTTPBearer(
    auto_error=False,
    scheme_name="API token",
    description="A token that you make on your account's page: `Authorization: Bearer fdt_…`.",
)


def platform_of(request: Request) -> Platform:
    """Return the platform that the API was built for."""
    platform: Platform = request.app.state.platform
    return platform


ThePlatform = Annotated[Platform, Depends(platform_of)]


def account_of(
    platform: ThePlatform,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> Account:
    """Find whose token a request bears.

    Raises
    ------
    SignInError
        It bears none, or one that opens nothing.
    """
    if credentials is None:
        raise SignInError(
            "Send an API token with this request (`Authorization: Bearer fdt_…`): make one on "
            "your account's page."
        )
    account = platform.accounts.by_token(credentials.credentials)
    if account is None:
        raise SignInError(
            "This API token opens nothing: it is wrong, expired or revoked, or the account is "
            "disabled. Make one on your account's page."
        )
    return account


TheAccount = Annotated[Account, Depends(account_of)]


def actor_of(account: TheAccount) -> Actor:
    """Return whom the use cases ask about."""
    return account.actor


Asker = Annotated[Actor, Depends(actor_of)]
Offset = Annotated[int, Query(ge=0, description="Where in the list to begin.")]
Limit = Annotated[int, Query(ge=1, le=PAGE_LIMIT, description="How many at most.")]


async def text_of(request: Request) -> str:
    """Read a request's body as text.

    Raises
    ------
    UsageError
        It is no UTF-8.
    """
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise UsageError("The text that was sent is not UTF-8: save the file as that.") from error


Text = Annotated[str, Depends(text_of)]


def body_of(media_type: str, description: str) -> dict[str, object]:
    """Describe a body that is no JSON, for OpenAPI."""
    kind = "string" if media_type.startswith(("text/", "application/toml")) else "binary"
    schema = {"type": "string"} if kind == "string" else {"type": "string", "format": "binary"}
    return {
        "requestBody": {
            "required": True,
            "description": description,
            "content": {media_type: {"schema": schema}},
        }
    }
