"""`fedota demo`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from fedota_proto.errors import ServerStartError, StrategyError
from fedota_proto.settings_check import load_settings
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.authority import PlatformHome
from fedota_server.client_processes import LocalClient, LocalClients
from fedota_server.commands.context import CommandContext, context_of, run
from fedota_server.commands.following import COMPLETED, Take
from fedota_server.demonstration import (
    Example,
    Score,
    accuracy_by_round,
    compare,
    example_folder,
    score_table,
)
from fedota_server.event_lines import event_line
from fedota_server.learning_curve import save_learning_curve
from fedota_server.ports import free_ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.status_view import StatusView

if TYPE_CHECKING:
    from fedota_server.demo_platform import DemoPlatform, Login
    from fedota_server.webserver.event_feed import EventFeed
    from fedota_server.webserver.settings import WebserverSettings

AT_LEAST = 0.93
CURVE = Path("build") / "demo" / "learning-curve.png"
_HOST = "127.0.0.1"
_CLIENT_TIME_S = 900.0
_FAREWELL_S = 30.0
_LOOK_S = 0.2


def demo(
    ctx: typer.Context,
    example: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Another example's folder; else breast-cancer."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder in which it ran, and name it.")
    ] = False,
    keep_serving: Annotated[
        bool,
        typer.Option("--keep-serving", help="Go on serving the web page until Ctrl-C."),
    ] = False,
) -> None:
    """Show it all on this machine: four hospitals train one model, and no row leaves any of them.

    A web page, on which the example is published; one coordinator, two selectors and a client for
    each hospital run as processes, over TLS. You can sign in and watch; the logins are printed.
    Afterwards the federated model is compared with one trained on all data together and with each
    hospital's own. Exit code 0 if it gets at least 93 % of the test file right.

    \b
    Examples:
      fedota demo
      fedota demo --keep-serving
    """
    context = context_of(ctx)
    found = Example.find(example or example_folder())
    with context.workplace("demo", keep=keep) as place:
        accuracy = run(_demo(context, found.copy_to(place / "problem"), place, keep_serving))
    if accuracy < AT_LEAST:
        raise typer.Exit(1)


async def _demo(
    context: CommandContext, example: Example, place: Path, keep_serving: bool
) -> float:
    """Run it all; returns the federated model's accuracy on the test file."""
    # These take a second to load, for which no other command should wait.
    from fedota_server.demo_platform import DemoPlatform
    from fedota_server.web_process import locked_home, serving
    from fedota_server.webserver.platform import Platform
    from fedota_server.webserver.threads import in_thread

    settings, listening = _web(context, place / "home")
    context = replace(context, home=PlatformHome(settings.home))
    with locked_home(settings.home):
        platform = Platform.open(settings)
        async with serving(platform, listening):
            stage = DemoPlatform(platform)
            logins = await in_thread(stage.make_accounts, example.holders)
            _say_logins(context, settings.page_url, logins)
            view = await _train(context, example, stage, place)
            exported = place / "federated.keras"
            rounds = await in_thread(stage.export, exported)
            work = place / "comparison"
            await in_thread(work.mkdir)
            scores = await _compare(context, example, exported, view, work)
            _save_curve(view, scores)
            accuracy = _say_scores(context, rounds, scores)
            if keep_serving:
                context.say(f"The web page stays at {settings.page_url} until Ctrl-C.")
                await asyncio.Event().wait()
    return accuracy


def _web(context: CommandContext, home: Path) -> tuple[WebserverSettings, socket.socket]:
    """Choose the page's port, and settle what the environment must not change in a demo."""
    from fedota_server.web_process import listening_socket
    from fedota_server.webserver.settings import WebserverSettings

    settings = load_settings(
        WebserverSettings,
        home=home,
        database_url="",
        web_host=_HOST,
        web_url="",
        public_host=_HOST,
        tls_cert=None,
        tls_key=None,
        trusted_proxy=False,
        registration="closed",
        round_port=0,
        keep_servers=False,
        oidc_metadata_url="",
        oidc_client_id="",
        oidc_client_secret="",
    )
    try:
        return settings, listening_socket(_HOST, settings.web_port)
    except ServerStartError:
        (port,) = free_ports(1)
        context.say(f"Port {settings.web_port} is taken; the page is at port {port}.")
        return settings.model_copy(update={"web_port": port}), listening_socket(_HOST, port)


def _say_logins(context: CommandContext, url: str, logins: list[Login]) -> None:
    context.say(f"Fedota is at {url}; while the demo runs, sign in as")
    for login in logins:
        context.say(f"  {login.role:<15}{login.email:<30}{login.password}")


async def _train(
    context: CommandContext, example: Example, stage: DemoPlatform, place: Path
) -> StatusView:
    """Publish the problem, run the holders' clients, and follow it until it is completed."""
    from fedota_server.webserver.event_feed import EventFeed
    from fedota_server.webserver.threads import in_thread

    folder = ProblemFolder(example.folder)
    with context.step("inspecting the model"):
        await in_thread(stage.write, folder)
    context.say("the setter has written the problem; its model is inspected")
    with context.step("running the problem dry"):
        await in_thread(stage.publish)
    context.say("the dry run passed; the problem is published and started")
    invited = await in_thread(stage.join, place / "invites")
    clients = [
        LocalClient(
            name=one.name,
            invite=one.invite,
            home=place / "clients" / one.name,
            arguments=("--data", str(example.holders[one.name].resolve())),
        )
        for one in invited
    ]
    view = StatusView(folder.problem().title, {one.node_id: one.name for one in invited})
    feed = EventFeed(stage.platform.database, stage.problem_id)
    async with context.spawner(folder) as spawner:
        local = LocalClients(
            spawner,
            time_limit_s=_CLIENT_TIME_S,
            memory_limit_bytes=context.settings.job_memory_bytes,
        )
        context.say(f"{len(clients)} clients join; each loads TensorFlow, which takes a while")
        with _shown(context, view) as take:
            async with local.running(clients):
                status, reason = await local.while_running(_until_over(stage, feed, take))
                if status != COMPLETED:
                    raise StrategyError(f"The problem {status}: {reason or 'see its log'}.")
                await local.all_ended(_FAREWELL_S)
                for event in (await in_thread(feed.look)).events:
                    view.take(pb.WatchMessage(event=event))
    return view


async def _until_over(stage: DemoPlatform, feed: EventFeed, take: Take) -> tuple[str, str]:
    """Pass on what happens until the problem is over; returns its status, and why."""
    from fedota_server.demo_platform import is_over
    from fedota_server.webserver.threads import in_thread

    while True:
        news = await in_thread(feed.look)
        for event in news.events:
            take(pb.WatchMessage(event=event))
        if (clock := stage.platform.live.snapshot(stage.problem_id)) is not None:
            take(pb.WatchMessage(clock=clock))
        if is_over(news.status):
            return news.status, news.reason
        await asyncio.sleep(_LOOK_S)


@contextlib.contextmanager
def _shown(context: CommandContext, view: StatusView) -> Iterator[Take]:
    """Show the rounds as they happen: a live table, or lines without a terminal."""
    if context.live:
        with Live(console=context.console, get_renderable=view.render, refresh_per_second=4):
            yield view.take
        return

    def take(message: pb.WatchMessage) -> None:
        view.take(message)
        if message.HasField("event") and (line := event_line(message.event, view.names)):
            context.say(line)

    yield take


async def _compare(
    context: CommandContext, example: Example, exported: Path, view: StatusView, work: Path
) -> list[Score]:
    completed = [seen for seen in view.rounds.values() if seen.ended.completed]
    trained_on = int(completed[-1].ended.weight) if completed else 0
    async with context.spawner(ProblemFolder(example.folder)) as spawner:
        with context.step("comparing with models trained plainly"):
            return await compare(example, exported, context.jobs(spawner), work, trained_on)


def _save_curve(view: StatusView, scores: list[Score]) -> None:
    numbers, accuracies = accuracy_by_round(list(view.rounds.values()))
    save_learning_curve(
        CURVE,
        title=view.title,
        rounds=numbers,
        curves={"federated, on the holders' held-out rows": accuracies},
        levels={
            "federated, on the test file": scores[0].accuracy,
            "all data together, on the test file": scores[1].accuracy,
        },
    )


def _say_scores(context: CommandContext, rounds: int, scores: list[Score]) -> float:
    context.console.print(score_table(scores))
    context.say(f"The learning curve is in {CURVE}.")
    accuracy = scores[0].accuracy
    if accuracy < AT_LEAST:
        context.say(f"demo: FAILED rounds={rounds} accuracy={accuracy:.4f}, below {AT_LEAST}")
    else:
        context.say(f"demo: OK rounds={rounds} accuracy={accuracy:.4f}")
    return accuracy
