"""``fedota-client predict``: a model on new files."""

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
    check_there,
    membership_of,
    out_of,
)
from fedota_client.config_file import client_settings
from fedota_client.job_process import run_job
from fedota_client.plain_errors import plain_errors
from fedota_proto.errors import UsageError


def predict(
    model: Annotated[
        Path,
        typer.Argument(metavar="MODEL", help="A model, as personal.keras."),
    ],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            metavar="PATH",
            help="Folder or file of new data, target unknown.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="CSV",
            help="Where the predictions go. Default: predictions.csv; in the image, "
            "/fedota/predictions.csv.",
            show_default=False,
        ),
    ] = None,
    format_file: Annotated[
        Path | None,
        typer.Option(
            "--format",
            metavar="FILE",
            help="The problem.toml, or a downloaded format.toml; default: the membership's.",
            show_default=False,
        ),
    ] = None,
    invite: InviteArgument = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Run a model on new files, and write what it says of each example.

    The data have the problem's format, without the target. Nothing leaves this machine.

    \b
    Examples:
      fedota-client predict personal/personal.keras --data new.csv
      fedota-client predict personal/personal.keras --data /srv/new --out said.csv
      fedota-client predict shared.keras --data new.csv --format format.toml
    """
    with plain_errors():
        settings = client_settings(config)
        check_there(data, "The data", "name a folder or file with --data")
        check_there(model, "The model", "name a .keras file, as personal.keras")
        if format_file is not None:
            check_there(format_file, "The format", "name a format.toml with --format")
        out = out_of(out, "predictions.csv", home, settings)
        if format_file is None:
            format_file = membership_of(invite, home, settings)[0].problem_file
            if not format_file.exists():
                raise UsageError(
                    "The problem's format is not known here: name its format.toml with --format."
                )
        arguments = [
            "predict",
            *("--problem", str(format_file)),
            *("--model", str(model)),
            *("--data", str(data)),
            *("--out", str(out)),
        ]
        result = asyncio.run(
            run_job(
                arguments,
                lambda stage: None,
                timeout_s=settings.task_timeout_s,
                env={"FEDOTA_WORKER_THREADS": str(settings.threads)} if settings.threads else {},
                memory_max=settings.memory_max,
            )
        )
        if as_json:
            typer.echo(json.dumps({**result, "out": str(out)}))
        else:
            typer.echo(f"{result['rows']} predictions are in {out}.")
