"""``/login`` and ``/logout``."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError
from ui.routes.form_page import Field, FormPage
from ui.routes.site import Site, browser_of, in_thread, local_path, read_form

LOGIN, LOGOUT = "/login", "/logout"


class SignIn:
    """Signs people in and out.

    Parameters
    ----------
    site
        Whose.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._accounts = site.platform.accounts

    def routes(self) -> list[BaseRoute]:
        """List the routes."""
        return [
            Route(LOGIN, self._show, methods=["GET"]),
            Route(LOGIN, self._take, methods=["POST"]),
            Route(LOGOUT, self._ask, methods=["GET"]),
            Route(LOGOUT, self._leave, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        wanted = local_path(request.query_params.get("next", ""))
        if await in_thread(self._accounts.needs_setup):
            return RedirectResponse("/setup", 303)
        if await self._site.account(request):
            return RedirectResponse(wanted, 303)
        return (await self._form(wanted)).response()

    async def _take(self, request: Request) -> Response:
        email, wanted = "", "/"
        try:
            fields = await read_form(request)
            email, wanted = fields.get("email", ""), local_path(fields.get("next", ""))
            token = await in_thread(
                self._accounts.sign_in,
                email,
                fields.get("password", ""),
                address=self._site.address(request),
                browser=browser_of(request),
            )
        except FedotaError as error:
            return (await self._form(wanted, email)).response(error)
        answer = RedirectResponse(wanted, 303)
        self._site.cookie.keep(answer, token)
        return answer

    async def _form(self, wanted: str, email: str = "") -> FormPage:
        mode = (await in_thread(self._accounts.registration)).mode
        query = "?" + urlencode({"next": wanted}) if wanted != "/" else ""
        single = [("Sign in with your organisation", f"/login/sso{query}")]
        return FormPage(
            title="Sign in",
            action=LOGIN,
            button="Sign in",
            fields=(
                Field("email", "E-mail", "email", "username", value=email[:254], focus=not email),
                Field(
                    "password",
                    "Password",
                    "password",
                    "current-password",
                    focus=bool(email),
                    most=1000,
                ),
            ),
            hidden={"next": wanted},
            wide_links=single if self._site.settings.has_oidc else (),
            links=(("Register", f"/register{query}"),) if mode != "closed" else (),
        )

    async def _ask(self, request: Request) -> Response:
        someone = await self._site.account(request)
        if someone is None:
            return RedirectResponse(LOGIN, 303)
        return FormPage(
            title="Sign out",
            action=LOGOUT,
            button="Sign out",
            intro=f"You are signed in as {someone.email}.",
            links=(("Back", "/"),),
        ).response()

    async def _leave(self, request: Request) -> Response:
        token = self._site.token(request)
        if token:
            await in_thread(self._accounts.sign_out, token)
        answer = RedirectResponse(LOGIN, 303)
        self._site.cookie.forget(answer)
        return answer
