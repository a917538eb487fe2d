"""``/register``, as the settings allow it, and ``/setup`` for the first administrator."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from fedota_proto.errors import FedotaError
from ui.routes.form_page import Field, FormPage, message_page
from ui.routes.sign_in import LOGIN
from ui.routes.site import Site, browser_of, in_thread, local_path, read_form

REGISTER, SETUP = "/register", "/setup"

_PASSWORD_HINT = "At least 10 characters, and not your e-mail address."  # noqa: S105


def _about_you(fields: dict[str, str]) -> tuple[Field, ...]:
    return (
        Field("name", "Your name", autocomplete="name", value=fields.get("name", "")[:80], most=80),
        Field("email", "E-mail", "email", "username", value=fields.get("email", "")[:254]),
        Field(
            "password",
            "Password",
            "password",
            "new-password",
            hint=_PASSWORD_HINT,
            least=10,
            most=1000,
        ),
    )


class Register:
    """Makes accounts for people who ask for one.

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
            Route(REGISTER, self._show, methods=["GET"]),
            Route(REGISTER, self._take, methods=["POST"]),
            Route(SETUP, self._show_setup, methods=["GET"]),
            Route(SETUP, self._take_setup, methods=["POST"]),
        ]

    async def _show(self, request: Request) -> Response:
        wanted = local_path(request.query_params.get("next", ""))
        if await in_thread(self._accounts.needs_setup):
            return RedirectResponse(SETUP, 303)
        if await self._site.account(request):
            return RedirectResponse(wanted, 303)
        view = await in_thread(self._accounts.registration)
        if view.mode == "closed":
            return message_page(
                "Registration is closed",
                "Ask an administrator of this platform for an account.",
                status=403,
                links=(("Sign in", LOGIN),),
            )
        fields = {"code": request.query_params.get("code", "")}
        return self._form(fields, wanted, asks_code=view.mode == "code").response()

    async def _take(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            fields = await read_form(request)
            token = await in_thread(
                self._accounts.register,
                fields.get("email", ""),
                fields.get("name", ""),
                fields.get("password", ""),
                code=fields.get("code", ""),
                address=self._site.address(request),
                browser=browser_of(request),
            )
        except FedotaError as error:
            view = await in_thread(self._accounts.registration)
            form = self._form(
                fields, local_path(fields.get("next", "")), asks_code=view.mode == "code"
            )
            return form.response(error)
        return self._welcome(token, local_path(fields.get("next", "")))

    def _form(self, fields: dict[str, str], wanted: str, *, asks_code: bool) -> FormPage:
        code = Field(
            "code",
            "Registration code",
            hint="You have it from whoever invited you to this platform.",
            value=fields.get("code", "")[:200],
            most=200,
        )
        query = "?" + urlencode({"next": wanted}) if wanted != "/" else ""
        return FormPage(
            title="Register",
            action=REGISTER,
            button="Register",
            fields=(*_about_you(fields), *((code,) if asks_code else ())),
            hidden={"next": wanted},
            links=(("I have an account: sign in", LOGIN + query),),
        )

    async def _show_setup(self, request: Request) -> Response:
        if not await in_thread(self._accounts.needs_setup):
            return RedirectResponse(LOGIN, 303)
        return self._setup_form({"code": request.query_params.get("code", "")}).response()

    async def _take_setup(self, request: Request) -> Response:
        fields: dict[str, str] = {}
        try:
            fields = await read_form(request)
            token = await in_thread(
                self._accounts.set_up,
                fields.get("code", ""),
                fields.get("email", ""),
                fields.get("name", ""),
                fields.get("password", ""),
            )
        except FedotaError as error:
            if not await in_thread(self._accounts.needs_setup):
                return RedirectResponse(LOGIN, 303)
            return self._setup_form(fields).response(error)
        return self._welcome(token, "/")

    def _setup_form(self, fields: dict[str, str]) -> FormPage:
        return FormPage(
            title="Set this platform up",
            action=SETUP,
            button="Make my account",
            intro="Make the account of the first administrator. The code stands in the terminal "
            "in which fedota up runs.",
            fields=(
                Field(
                    "code",
                    "Set-up code",
                    value=fields.get("code", "")[:200],
                    focus=not fields.get("code"),
                    most=200,
                ),
                *_about_you(fields),
            ),
        )

    def _welcome(self, token: str, wanted: str) -> Response:
        answer = RedirectResponse(wanted, 303)
        self._site.cookie.keep(answer, token)
        return answer
