"""``fedota-client personalize``: a model of one's own, and whether it is better."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from fedota_client.commands.options import (
    ConfigOption,
    HomeOption,
    InviteArgument,
    JsonOption,
    PolicyOption,
    data_of,
    membership_of,
    out_of,
)
from fedota_client.commands.reaching import display_of
from fedota_client.config_file import client_settings
from fedota_client.log_file import logging_to
from fedota_client.personal.flow import PersonalOptions, personalize, result_lines
from fedota_client.plain_errors import plain_errors
from fedota_client.policy.rules import PolicyRules
from fedota_client.progress import Display, PlainDisplay
from fedota_proto.errors import UsageError

STOPPED = 143
LOG = "personalize.log"

OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for shared.keras, personal.keras and report.html: all of them or none. "
        "Default: personal; in the image, /fedota/personal.",
        show_default=False,
    ),
]
LayersOption = Annotated[
    str,
    typer.Option(
        "--layers", metavar="LAYERS", help="Layers to tune: all, last, or names with commas."
    ),
]
DittoOption = Annotated[
    float,
    typer.Option(
        "--ditto",
        metavar="λ",
        min=0.0,
        help="Keep the personal model near the shared one with Ditto's proximal term of this "
        "weight (Li et al., ICML 2021, arXiv:2012.04221).",
    ),
]


def personalize_command(
    invite: InviteArgument = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Folder with your data, or one file of it. It stays there.",
            show_default=False,
        ),
    ] = None,
    out: OutOption = None,
    home: HomeOption = None,
    server_round: Annotated[
        int,
        typer.Option("--round", min=0, help="Completed round to begin with; 0: the newest."),
    ] = 0,
    layers: LayersOption = "all",
    ditto: DittoOption = 0.0,
    epochs: Annotated[
        int, typer.Option("--epochs", min=1, help="Most passes over the examples.")
    ] = 50,
    patience: Annotated[
        int,
        typer.Option("--patience", min=1, help="Stop after so many epochs that bettered nothing."),
    ] = 5,
    rate: Annotated[
        float,
        typer.Option(
            "--rate", min=1e-4, max=10.0, help="Learning rate, as a share of the model's own."
        ),
    ] = 0.1,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Tune the shared model on your data, and compare it on examples that were never trained on.

    Three models are compared: the shared one, the personal one, and one trained on your data alone.
    One half of the held-out examples chooses, the other half reports. Nothing leaves this machine;
    a client that takes part may run meanwhile.

    \b
    Examples:
      fedota-client personalize --data /srv/tables
      fedota-client personalize north.invite --data /srv/tables --out mine --round 10
      fedota-client personalize --data /srv/tables --layers last --ditto 0.1
    """
    with plain_errors():
        settings = client_settings(config, policy=policy)
        client_home, membership = membership_of(invite, home, settings)
        folder = data_of(data, settings)
        if folder is None:
            raise UsageError("Name the folder with your data: --data DIR.")
        options = PersonalOptions(
            data=folder,
            out=out_of(out, "personal", home, settings),
            server_round=server_round,
            layers=layers,
            epochs_max=epochs,
            patience=patience,
            rate_factor=rate,
            ditto_lambda=ditto,
        )
        policies = PolicyRules.load(settings.policy)
        silent = PlainDisplay(lambda line: None)
        display: Display = silent if as_json else display_of(membership.title)
        with logging_to(client_home.folder / LOG), display:
            try:
                result = asyncio.run(
                    personalize(membership, client_home, settings, policies, options, display)
                )
            except asyncio.CancelledError:
                raise typer.Exit(STOPPED) from None
        if as_json:
            typer.echo(json.dumps(result))
        else:
            for line in result_lines(result, options.out):
                typer.echo(line)
