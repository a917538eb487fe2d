"""`fedota up`."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fedota_proto.settings_check import load_settings
from fedota_server.commands.context import CommandContext, context_of

if TYPE_CHECKING:
    from fedota_server.webserver.platform import Platform


def up(
    ctx: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65_535,
            show_default=False,
            help="Port of the web page; else FEDOTA_WEB_PORT, else 8501.",
        ),
    ] = None,
) -> None:
    """Serve the web page, and keep the servers of its problems running.

    On an empty machine it needs no settings: it makes the platform's folder, listens on this
    machine alone, and prints the code with which the first administrator makes an account.

    \b
    Examples:
      fedota up
      fedota --home /srv/fedota up --port 9000
      FEDOTA_WEB_HOST=0.0.0.0 FEDOTA_TLS_CERT=cert.pem FEDOTA_TLS_KEY=key.pem fedota up
    """
    # These take a second to load, for which no other command should wait.
    from fedota_server.web_process import WebProcess, listening_socket, locked_home
    from fedota_server.webserver.platform import Platform
    from fedota_server.webserver.settings import WebserverSettings

    context = context_of(ctx)
    given: dict[str, Any] = {} if port is None else {"web_port": port}
    settings = load_settings(WebserverSettings, home=context.home.folder, **given)
    with locked_home(settings.home):
        if context.home.init():
            context.say(f"{settings.home} holds your platform's CA now; keep a backup of it.")
        listening = listening_socket(settings.web_host, settings.web_port)
        platform = Platform.open(settings)
        ended_by = asyncio.run(
            WebProcess(platform).run(listening, lambda: _say_started(context, platform))
        )
    if settings.keep_servers:
        context.say("The problems' servers go on; the next `fedota up` takes them up again.")
    else:
        context.say("The problems' servers have ended; the next `fedota up` starts them again.")
    if ended_by == signal.SIGINT:
        raise KeyboardInterrupt


def _say_started(context: CommandContext, platform: Platform) -> None:
    url = platform.settings.page_url
    context.say(f"Fedota is at {url}")
    if platform.accounts.needs_setup():
        context.say(
            f"Make the first administrator's account at {url}/setup with the set-up code "
            f"{platform.accounts.setup_code()}"
        )
    context.say("Ctrl-C ends it.")
