"""Checks a book: every line, the chain between them, and the coordinator's signatures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fedota_client.receipts.book import BOOK, HEAD
from fedota_client.receipts.facts import outcome_of
from fedota_client.receipts.line import FIRST, is_signed, line_sha256, read_line
from fedota_proto.credential import verify_outcome
from fedota_proto.errors import FolderError


@dataclass(slots=True)
class CheckedBook:
    """A book and what is wrong with it.

    Parameters
    ----------
    lines
        The lines that could be read, in order.
    findings
        Sentences: what was changed, removed, moved or forged, and where.
    notes
        Sentences: what is no fault, as a last line that a crash cut off.
    """

    lines: list[dict[str, Any]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys that a book is checked by, 32 raw bytes each.

    Parameters
    ----------
    client, receipt
        The client's own, the problem's.
    problem_id, node_id
        Whom the coordinator signs for.
    """

    client: bytes
    receipt: bytes
    problem_id: str
    node_id: int


def check_book(folder: Path, keys: Keys | None = None) -> CheckedBook:
    """Check a membership's book.

    Parameters
    ----------
    folder
        The membership's.
    keys
        From the folder's key and invite; None: as the book's first line names them, where
        everything else has been wiped.

    Returns
    -------
    CheckedBook
        Without findings if every line stands as it was written.

    Raises
    ------
    FolderError
        There is no book, or it cannot be read.
    """
    try:
        data = (folder / BOOK).read_bytes()
    except FileNotFoundError:
        raise FolderError(f"{folder} holds no receipts: nothing has left from here yet.") from None
    except OSError as error:
        raise FolderError(f"{folder / BOOK} cannot be read ({error.strerror}).") from error
    book = CheckedBook()
    *whole, torn = data.split(b"\n")
    if torn:
        book.notes.append(
            f"After line {len(whole)} a line was cut off, as a crash leaves it: it is not counted."
        )
    previous: str | None = FIRST
    follows = 1  # what a line that follows the one before was written as
    for number, line in enumerate(whole, start=1):
        fields = read_line(line)
        if fields is None:
            book.findings.append(f"Line {number} was changed: it is not as a receipt is written.")
        else:
            keys = keys or _named(fields)
            _check_line(book, number, fields, follows, previous, keys)
            book.lines.append(fields)
        # The line after one that was changed cannot follow it; that is told once.
        signed = fields is not None and keys is not None and is_signed(fields, keys.client)
        previous = line_sha256(line) if signed else None
        # So is a gap: what comes after it follows by itself.
        follows = 1 + (int(fields["number"]) if signed and fields is not None else follows)
    _check_head(book, folder, [line_sha256(line) for line in whole])
    return book


def _check_line(
    book: CheckedBook,
    number: int,
    fields: dict[str, Any],
    follows: int,
    previous: str | None,
    keys: Keys | None,
) -> None:
    if keys is None:
        book.findings.append(f"Line {number} names no keys: the book's first line was removed.")
        return
    if not is_signed(fields, keys.client):
        book.findings.append(f"Line {number} was changed: this client's signature does not fit it.")
    elif fields.get("number") != follows or previous not in (None, fields.get("previous")):
        written = fields.get("number")
        book.findings.append(
            f"Line {number} was written as line {written} and does not follow the one before it: "
            "lines were removed, moved or changed here."
        )
    if fields.get("kind") == "outcome":
        _check_outcome(book, number, fields, keys)


def _check_outcome(book: CheckedBook, number: int, fields: dict[str, Any], keys: Keys) -> None:
    try:
        outcome = outcome_of(fields)
    except (KeyError, ValueError, TypeError):
        book.findings.append(f"Line {number} was changed: its outcome cannot be read.")
        return
    if not verify_outcome(keys.receipt, keys.problem_id, keys.node_id, outcome):
        book.findings.append(
            f"Line {number}: the coordinator did not sign this outcome of task {outcome.task_id}."
        )
    sent = str(fields.get("update_sha256", ""))
    if sent and outcome.update_sha256 and sent != outcome.update_sha256.hex():
        book.findings.append(
            f"Line {number}: the coordinator signed another update than the one that left in task "
            f"{outcome.task_id}."
        )


def _check_head(book: CheckedBook, folder: Path, hashes: list[str]) -> None:
    try:
        number, newest = (folder / HEAD).read_text().split()
        written = int(number)
    except (OSError, ValueError):
        book.findings.append(
            f"{HEAD}, which holds the number of lines, is not there or damaged: lines may be "
            "missing at the end."
        )
        return
    if newest in hashes:
        return  # what is missing before it has been found
    if written > len(hashes):
        book.findings.append(
            f"{written} lines were written and {len(hashes)} are there: the last were removed."
        )
    elif written and hashes[written - 1] != newest and not book.findings:
        book.findings.append(f"Line {written} is not the one that was written last.")


def _named(fields: dict[str, Any]) -> Keys | None:
    try:
        return Keys(
            bytes.fromhex(fields["client_public_key"]),
            bytes.fromhex(fields["receipt_public_key"]),
            str(fields["problem_id"]),
            int(fields["node_id"]),
        )
    except (KeyError, ValueError, TypeError):
        return None
