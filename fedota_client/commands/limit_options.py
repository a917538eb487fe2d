"""The options of `join` that limit when and how much this machine works."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

HoursOption = Annotated[
    str | None,
    typer.Option(
        "--hours",
        metavar="HH:MM-HH:MM",
        help="Work only then, as 22:00-06:00; several with commas.",
        show_default=False,
    ),
]
DaysOption = Annotated[
    str | None,
    typer.Option(
        "--days", metavar="DAYS", help="Work only on these, as mon-fri.", show_default=False
    ),
]
OnMainsOption = Annotated[
    bool | None,
    typer.Option("--on-mains", help="Work on mains alone, never on battery."),
]
BatteryPercentOption = Annotated[
    float | None,
    typer.Option(
        "--battery-percent",
        min=0,
        max=100,
        help="Least charge to work with on battery.",
        show_default=False,
    ),
]
PauseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--pause-file",
        metavar="FILE",
        help="No work while this file exists; default: `pause` in the client's folder.",
        show_default=False,
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=0, help="Processor threads; 0: all.", show_default=False),
]
MemoryMaxOption = Annotated[
    str | None,
    typer.Option(
        "--memory-max",
        metavar="SIZE",
        help="Most memory of the training process, as 4GB.",
        show_default=False,
    ),
]
UploadMaxOption = Annotated[
    str | None,
    typer.Option(
        "--upload-max",
        metavar="SIZE",
        help="Most bytes a second that leave, as 1MB.",
        show_default=False,
    ),
]
DownloadMaxOption = Annotated[
    str | None,
    typer.Option(
        "--download-max",
        metavar="SIZE",
        help="Most bytes a second that come, as 1MB.",
        show_default=False,
    ),
]
LogFileOption = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Where to log; default: client.log in the client's folder.",
        show_default=False,
    ),
]
