"""`fedota audit`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fedota_server.commands.administering import (
    JsonOption,
    desk,
    show_table,
    time_words,
    write_json,
)

if TYPE_CHECKING:
    from fedota_server.webserver.audit import AuditEntry

_AT_ONCE = 500


def audit(
    ctx: typer.Context,
    who: Annotated[
        str, typer.Option(metavar="WORDS", help="Only what they did, or what was done to them.")
    ] = "",
    action: Annotated[
        str, typer.Option(metavar="WORDS", help="Only what has these words in it.")
    ] = "",
    problem: Annotated[
        str, typer.Option(metavar="ID", help="Only what was done to this problem.")
    ] = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many, the newest.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """Show who did what, newest first.

    \b
    Examples:
      fedota audit
      fedota audit --who ada --limit 20
      fedota audit --problem 3f2a90c1d4e5 --json
    """
    found: list[AuditEntry] = []
    with desk(ctx) as at:
        while len(found) < limit:
            page = at.platform.audit.entries(
                at.actor,
                problem_id=problem,
                who=who,
                action=action,
                before_id=found[-1].entry_id if found else None,
                limit=min(_AT_ONCE, limit - len(found)),
            )
            if not page:
                break
            found += page
    if as_json:
        write_json(found)
        return
    rows = [
        (
            time_words(one.unix_s),
            one.actor,
            one.action,
            one.problem_id or "–",
            " ".join(part for part in (one.subject, one.detail) if part),
        )
        for one in found
    ]
    show_table(at.context, ("WHEN", "WHO", "WHAT", "PROBLEM", ""), rows)
