"""`fedota doctor`."""

from __future__ import annotations

import typer

from fedota_server.commands.administering import JsonOption, webserver_settings, write_json
from fedota_server.commands.context import context_of

_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}
_WIDTH = max(map(len, _STYLES))


def doctor(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """Check ports, database, certificates, programs, clock and disk; say what to do.

    It looks at what `fedota up` would find with the same settings, whether it runs or not. The
    exit code is 1 if something does not work.

    \b
    Examples:
      fedota doctor
      FEDOTA_DATABASE_URL=postgresql:///fedota fedota doctor --json
    """
    from fedota_server.webserver.doctor import Doctor, State

    context = context_of(ctx)
    settings = webserver_settings(ctx)
    with context.step("looking at the installation"):
        findings = Doctor(settings).checks()
    if as_json:
        write_json(findings)
    else:
        for finding in findings:
            context.console.print(
                f"{finding.state:<{_WIDTH}}", style=_STYLES[finding.state], markup=False, end="  "
            )
            context.say(f"{finding.name}: {finding.what}")
            if finding.remedy:
                context.say(f"{'':<{_WIDTH}}  → {finding.remedy}")
    if any(finding.state is State.PROBLEM for finding in findings):
        raise typer.Exit(1)
