"""`fedota demo`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.live import Live

from fedota_proto.errors import StrategyError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.authority import PlatformHome
from fedota_server.client_processes import LocalClient, LocalClients
from fedota_server.commands.context import CommandContext, context_of, run
from fedota_server.commands.following import COMPLETED, Take, until_finished
from fedota_server.commands.invite import make_invite
from fedota_server.commands.serve import plan_for, say_events
from fedota_server.demonstration import (
    Example,
    Score,
    accuracy_by_round,
    compare,
    example_folder,
    score_table,
)
from fedota_server.learning_curve import save_learning_curve
from fedota_server.model_export import export_model
from fedota_server.problem_folder import ProblemFolder
from fedota_server.serving import ProblemServers
from fedota_server.spawners.base import Spawner
from fedota_server.status_view import StatusView

AT_LEAST = 0.93
CURVE = Path("build") / "demo" / "learning-curve.png"
_SELECTORS = 2
_INVITE_S = 86_400.0
_CLIENT_TIME_S = 900.0
_FAREWELL_S = 30.0


def demo(
    ctx: typer.Context,
    example: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Another example's folder; else breast-cancer."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder in which it ran, and name it.")
    ] = False,
) -> None:
    """Show it all on this machine: four hospitals train one model, and no row leaves any of them.

    One coordinator, two selectors and a client for each hospital run as processes, over TLS.
    Afterwards the federated model is compared with one trained on all data together and with each
    hospital's own. Exit code 0 if it gets at least 93 % of the test file right.

    \b
    Examples:
      fedota demo
      fedota demo --keep
    """
    context = context_of(ctx)
    found = Example.find(example or example_folder())
    with context.workplace("demo", keep=keep) as place:
        rounds, scores = run(_demo(context, found.copy_to(place / "problem"), place))
    context.console.print(score_table(scores))
    context.say(f"The learning curve is in {CURVE}.")
    accuracy = scores[0].accuracy
    if accuracy < AT_LEAST:
        context.say(f"demo: FAILED rounds={rounds} accuracy={accuracy:.4f}, below {AT_LEAST}")
        raise typer.Exit(1)
    context.say(f"demo: OK rounds={rounds} accuracy={accuracy:.4f}")


async def _demo(context: CommandContext, example: Example, place: Path) -> tuple[int, list[Score]]:
    context = replace(context, home=PlatformHome(place / "home"))
    context.home.init()
    folder = ProblemFolder(example.folder)
    async with context.spawner(folder) as spawner:
        view = await _train(context, example, folder, spawner, place)
    async with context.spawner(folder) as spawner:
        exported = place / "federated.keras"
        rounds = export_model(folder, exported)
        work = place / "comparison"
        work.mkdir()
        with context.step("comparing with models trained plainly"):
            scores = await compare(
                example, exported, context.jobs(spawner), work, _trained_on(view)
            )
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
    return rounds, scores


async def _train(
    context: CommandContext,
    example: Example,
    folder: ProblemFolder,
    spawner: Spawner,
    place: Path,
) -> StatusView:
    """Serve the problem, run its clients, and follow it until it is completed."""
    plan = await plan_for(context, folder, spawner, selectors=_SELECTORS)
    title = folder.problem().title
    platform = context.home.authority()
    clients = []
    for name, data in example.holders.items():
        make_invite(folder, platform, title, name, valid_s=_INVITE_S)
        clients.append(
            LocalClient(
                name=name,
                invite=folder.members.path(name),
                home=place / "clients" / name,
                arguments=("--data", str(data.resolve())),
            )
        )
    view = StatusView(title, folder.members.names())
    servers = ProblemServers(plan, spawner, context.say)
    local = LocalClients(
        spawner,
        time_limit_s=_CLIENT_TIME_S,
        memory_limit_bytes=context.settings.job_memory_bytes,
    )
    async with servers.serving():
        context.say(f"{len(clients)} clients start; each loads TensorFlow, which takes a while")
        with _shown(context, view, folder) as take:
            async with local.running(clients):
                state = await local.while_running(until_finished(servers.servicer, take, 0))
                if state != COMPLETED:
                    raise StrategyError(f"The problem {state}: {view.reason or 'see its log'}.")
                await local.all_ended(_FAREWELL_S)
                for message in servers.store.recent_after(view.seq) or ():
                    view.take(pb.WatchMessage(event=message))
    return view


@contextlib.contextmanager
def _shown(context: CommandContext, view: StatusView, folder: ProblemFolder) -> Iterator[Take]:
    """Show the rounds as they happen: a live table, or lines without a terminal."""
    if context.live:
        with Live(console=context.console, get_renderable=view.render, refresh_per_second=4):
            yield view.take
        return
    say = say_events(context, folder)

    def take(message: pb.WatchMessage) -> None:
        view.take(message)
        say(message)

    yield take


def _trained_on(view: StatusView) -> int:
    """Count the examples behind the last completed round."""
    completed = [seen for seen in view.rounds.values() if seen.ended.completed]
    return int(completed[-1].ended.weight) if completed else 0
