"""The cookie that keeps somebody signed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

_NAME = "fedota_session"


@dataclass(frozen=True)
class SessionCookie:
    """How the session's token is kept in a browser: no script reads it, no other site sends it.

    Parameters
    ----------
    secure
        Whether browsers come by HTTPS. The cookie is then sent by HTTPS alone, and its name's
        ``__Host-`` makes browsers refuse one that another host or an unencrypted page set.
    days
        How long browsers keep it.
    """

    secure: bool
    days: float

    @property
    def name(self) -> str:
        """The cookie's name."""
        return f"__Host-{_NAME}" if self.secure else _NAME

    def token(self, cookies: Mapping[str, str]) -> str:
        """Return the token that a browser sent; empty if none."""
        return cookies.get(self.name, "")

    def keep(self, response: Response, token: str) -> None:
        """Have the browser keep a token."""
        response.set_cookie(
            self.name,
            token,
            max_age=int(self.days * 86_400),
            path="/",
            secure=self.secure,
            httponly=True,
            samesite="lax",
        )

    def forget(self, response: Response) -> None:
        """Have the browser forget the token."""
        response.delete_cookie(
            self.name, path="/", secure=self.secure, httponly=True, samesite="lax"
        )
