"""``fedota-client receipts``: what has left, and whether the account of it was touched."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from fedota_client.commands.options import ConfigOption, HomeOption, JsonOption, home_of
from fedota_client.config_file import client_settings
from fedota_client.container import check_kept
from fedota_client.home import known_receipts
from fedota_client.plain_errors import plain_errors
from fedota_client.receipts.account import Account, account_of
from fedota_client.receipts.checking import CheckedBook, check_book
from fedota_client.receipts.keys import keys_of
from fedota_client.settings import ClientSettings
from fedota_proto.errors import FolderError
from fedota_proto.units import size_words

_WIDTH = 140  # of a table that goes to a file


def receipts(
    home: HomeOption = None,
    as_json: JsonOption = False,
    last: Annotated[
        int, typer.Option("--last", min=0, help="Show the newest so many updates; 0: all.")
    ] = 20,
    config: ConfigOption = None,
) -> None:
    """Show what has left this machine, what became of it, and check that nothing was touched.

    Every line is checked: its place in the chain, this client's signature, and for an outcome the
    signature of the problem's coordinator. Exit code 1 if something was changed, removed or moved.

    \b
    Examples:
      fedota-client receipts
      fedota-client receipts --home /srv/fedota-client --last 0
      fedota-client receipts --json | jq .updates
    """
    with plain_errors():
        settings = client_settings(config)
        folder = home_of(home, settings) or known_receipts(settings.home)
        _refuse_unreadable(folder, settings)
        book = check_book(folder, keys_of(folder))
        account = account_of(book.lines)
        if as_json:
            typer.echo(json.dumps(_document(folder, book, account), ensure_ascii=False))
        else:
            _show(folder, book, account, last)
        raise typer.Exit(1 if book.findings else 0)


def _refuse_unreadable(folder: Path, settings: ClientSettings) -> None:
    if settings.container:
        check_kept(folder)
    if os.path.isdir(folder) and not os.access(folder, os.R_OK | os.X_OK):
        raise FolderError(
            f"{folder} cannot be read: run the command as the user that it belongs to."
        )


def _document(folder: Path, book: CheckedBook, account: Account) -> dict[str, object]:
    return {
        "folder": str(folder),
        "verified": not book.findings,
        "findings": book.findings,
        "notes": book.notes,
        "updates": len(account.rows),
        "counted": account.counted,
        "bytes": account.bytes,
        "epsilon_total": account.epsilon_total,
        "delta": account.delta,
        "lines": book.lines,
    }


def _show(folder: Path, book: CheckedBook, account: Account, last: int) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    shown = account.rows[-last:] if last else account.rows
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("round", "task", "left", "bytes", "told", "ε", "outcome"):
        table.add_column(name, justify="right" if name in {"round", "bytes", "ε"} else "left")
    for row in shown:
        fields = row.fields
        privacy = fields.get("privacy") or {}
        table.add_row(
            str(row.server_round),
            str(fields.get("message_type", "")),
            _time(row.sent_unix_s),
            size_words(int(fields.get("bytes", 0))),
            row.metrics,
            f"{privacy['epsilon_round']:.2f}" if privacy else "",
            row.outcome,
        )
    console.print(table)
    count = len(account.rows)
    sums = (
        f"Updates that left: {count}, {size_words(account.bytes)}; counted in training: "
        f"{account.counted}."
    )
    if account.epsilon_total:
        sums += f" Noise: ε {account.epsilon_total:.2f} in all (δ {account.delta:g})."
    console.print(sums, highlight=False, markup=False)
    for note in book.notes:
        console.print(note, highlight=False, markup=False)
    if book.findings:
        for finding in book.findings:
            console.print(finding, highlight=False, markup=False, style="bold red")
    else:
        console.print(
            f"All {len(book.lines)} lines in {folder} stand as they were written, and every "
            "outcome bears the coordinator's signature.",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )


def _time(unix_s: float) -> str:
    if not unix_s:
        return ""
    return datetime.fromtimestamp(unix_s).astimezone().isoformat(" ", "seconds")[:19]
