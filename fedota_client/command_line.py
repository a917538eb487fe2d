"""The command line of `fedota-client`: what a data holder types."""

from __future__ import annotations

import typer

from fedota_client.commands import (
    check,
    connect_check,
    join,
    leave,
    pause,
    personalize,
    policy,
    predict,
    receipts,
    service,
    version,
)
from fedota_client.commands.job import jobs
from fedota_client.plain_help import PlainCommand

_ABOUT = """Take part in federated learning with data that stays here.

\b
With the invite that a problem's setter sent you, and a folder of data:
  fedota-client check north.invite --data /srv/tables
  fedota-client join north.invite --data /srv/tables
  fedota-client receipts
  fedota-client personalize --data /srv/tables
"""

app = typer.Typer(
    name="fedota-client",
    help=_ABOUT,
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

# Each command has a module of its own under commands/ and one line here, in the order of the help.
app.command(cls=PlainCommand, epilog=check.EXIT_CODES)(check.check)
app.command(cls=PlainCommand, epilog=connect_check.EXIT_CODES)(connect_check.connect_check)
app.command(cls=PlainCommand, epilog=join.EXIT_CODES)(join.join)
app.command(cls=PlainCommand)(receipts.receipts)
app.command("personalize", cls=PlainCommand)(personalize.personalize_command)
app.command(cls=PlainCommand)(predict.predict)
app.command(cls=PlainCommand)(pause.pause)
app.command(cls=PlainCommand)(pause.resume)
app.command("policy", cls=PlainCommand)(policy.policy_command)
app.command(cls=PlainCommand)(service.service)
app.command(cls=PlainCommand)(leave.leave)
app.command(cls=PlainCommand)(version.version)
app.add_typer(jobs, name="job")
