"""`fedota run-app`."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fedota_proto.credential import write_secret
from fedota_proto.errors import FolderError, UsageError
from fedota_server.authority import PlatformHome
from fedota_server.client_processes import LocalClient, LocalClients
from fedota_server.commands.context import CommandContext, context_of, run
from fedota_server.commands.following import COMPLETED, until_clients_left, until_finished
from fedota_server.commands.invite import DAY_S, DEFAULT_SELECTORS, make_invite
from fedota_server.commands.round_lines import RoundLines
from fedota_server.commands.serve import say_events
from fedota_server.problem_folder import ProblemFolder
from fedota_server.serving import ProblemServers, ServePlan

_NODE_TIME_S = 31 * DAY_S
_FAREWELL_S = 30.0


def run_app(
    ctx: typer.Context,
    app: Annotated[
        Path,
        typer.Argument(metavar="FLOWER_APP_DIR", help="A Flower app, unmodified."),
    ],
    nodes: Annotated[int, typer.Option(min=1, max=10_000, help="How many nodes take part.")] = 4,
    selectors: Annotated[int, typer.Option(min=1, max=100, help="How many selectors.")] = (
        DEFAULT_SELECTORS
    ),
    run_config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Overrides the app's own run config, as with `flwr run`; may be repeated.",
        ),
    ] = None,
    invites: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write as many invites there and wait, instead of starting nodes."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(metavar="HOST", help="How nodes elsewhere reach this machine.")
    ] = "",
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the folder in which it ran, and name it.")
    ] = False,
) -> None:
    """Run a Flower app over Fedota's selectors: its ServerApp here, its ClientApp on the nodes.

    The nodes are started here, each with partition-id and num-partitions in its node config; or,
    with --invites, by those who have the app's folder: `fedota-client join INVITE --app DIR`. A run
    is not resumed. Exit code 0 when the app's own loop has ended well.

    \b
    Examples:
      fedota run-app quickstart-numpy --nodes 4 --selectors 2
      fedota run-app quickstart-numpy --run-config num-server-rounds=5
      fedota run-app quickstart-numpy --nodes 3 --invites invites --host learning.example.org
    """
    context = context_of(ctx)
    if not (app / "pyproject.toml").is_file():
        raise FolderError(f"{app} is no Flower app: it has no pyproject.toml.")
    for pair in run_config or ():
        if "=" not in pair:
            raise UsageError(f"--run-config {pair}: write it as KEY=VALUE.")
    with context.workplace("app", keep=keep) as place:
        app_run = AppRun(context, app, nodes, selectors, tuple(run_config or ()), host, place)
        state = run(app_run.run(invites))
    if state != COMPLETED:
        raise typer.Exit(1)


class AppRun:
    """One run of a Flower app, in a folder of its own.

    Parameters
    ----------
    context
        Of the command.
    app
        The app's folder.
    nodes, selectors
        How many.
    run_config
        Overrides, each ``key=value``.
    host
        How nodes reach this machine; empty: from this machine alone.
    place
        An empty folder.
    """

    def __init__(
        self,
        context: CommandContext,
        app: Path,
        nodes: int,
        selectors: int,
        run_config: tuple[str, ...],
        host: str,
        place: Path,
    ) -> None:
        self._context = replace(context, home=PlatformHome(place / "home"))
        self._app = app
        self._nodes = nodes
        self._selectors = selectors
        self._run_config = run_config
        self._host = host
        self._place = place
        self._folder = ProblemFolder(place / "run")

    async def run(self, invites: Path | None) -> str:
        """Serve the app and see it through.

        Parameters
        ----------
        invites
            Where invites are written for others to join; None: the nodes are started here.

        Returns
        -------
        str
            ``completed`` or ``failed``.

        Raises
        ------
        FedotaError
            A server or a node does not start, or a node fails.
        """
        plan = self._plan()
        spawner = self._context.spawner(self._folder)
        servers = ProblemServers(plan, spawner, self._context.say)
        lines = RoundLines(self._context.say)
        take = say_events(self._context, self._folder, lines.say)
        async with servers.serving(), lines.running():
            if invites is not None:
                self._write_invites(invites)
                state = await until_finished(servers.servicer, take, 0)
                await until_clients_left(servers.servicer)
            else:
                local = LocalClients(spawner, time_limit_s=_NODE_TIME_S, memory_limit_bytes=None)
                async with local.running(self._clients()):
                    state = await local.while_running(until_finished(servers.servicer, take, 0))
                    await local.all_ended(_FAREWELL_S)
        if state != COMPLETED:
            self._context.say(await spawner.logs("coordinator", lines=30))
        return state

    def _plan(self) -> ServePlan:
        self._context.home.init()
        keys = self._folder.keys(self._context.home.authority())
        self._folder.ports(self._selectors, self._host)
        settings = {
            "FEDOTA_COORDINATOR_APP_DIR": str(self._app.resolve()),
            "FEDOTA_COORDINATOR_NODES": str(self._nodes),
        }
        if self._run_config:
            settings["FEDOTA_COORDINATOR_RUN_CONFIG"] = " ".join(self._run_config)
        return ServePlan(
            folder=self._folder,
            keys=keys,
            webserver=self._context.home.webserver_identity(),
            selectors=self._selectors,
            coordinator_settings=settings,
            start_timeout_s=self._context.settings.start_timeout_s,
        )

    def _invite(self, number: int) -> str:
        name = f"node-{number}"
        platform = self._context.home.authority()
        title = f"Flower app {self._app.resolve().name}"
        return make_invite(self._folder, platform, title, name, valid_s=14 * DAY_S).text

    def _write_invites(self, invites: Path) -> None:
        for number in range(1, self._nodes + 1):
            write_secret(invites / f"node-{number}.invite", self._invite(number).encode() + b"\n")
        also = (
            f" --run-config {shlex.quote(' '.join(self._run_config))}" if self._run_config else ""
        )
        self._context.say(
            f"{self._nodes} invites are in {invites}; the app begins when each is used: "
            f"`fedota-client join {invites}/node-1.invite --app DIR{also}`"
        )

    def _clients(self) -> list[LocalClient]:
        clients = []
        for number in range(1, self._nodes + 1):
            self._invite(number)
            partition = f"partition-id={number - 1} num-partitions={self._nodes}"
            clients.append(
                LocalClient(
                    name=f"node-{number}",
                    invite=self._folder.members.path(f"node-{number}"),
                    home=self._place / "nodes" / f"node-{number}",
                    arguments=(
                        *("--app", str(self._app.resolve())),
                        *("--node-config", partition),
                        *("--run-config", " ".join(self._run_config)),
                    ),
                )
            )
        return clients
