"""`fedota servers`."""

from __future__ import annotations

import typer

from fedota_server.commands.administering import (
    JsonOption,
    desk,
    show_table,
    time_words,
    write_json,
)


def servers(ctx: typer.Context, as_json: JsonOption = False) -> None:
    """List the servers of every problem, as the supervisor saw them last.

    \b
    Examples:
      fedota servers
      fedota servers --json
    """
    with desk(ctx) as at:
        found = at.platform.problems.servers(at.actor)
    if as_json:
        write_json(found)
        return
    rows = [
        (
            one.problem_id,
            one.title,
            one.name,
            one.state,
            time_words(one.since_unix_s),
            one.starts,
            one.address or "–",
            one.detail,
        )
        for one in found
    ]
    headings = ("PROBLEM", "TITLE", "SERVER", "STATE", "SINCE", "STARTS", "ADDRESS", "")
    show_table(at.context, headings, rows)
