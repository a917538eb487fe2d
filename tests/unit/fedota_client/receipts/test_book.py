"""The book of receipts: written once, chained, signed, and found out where it was touched."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fedota_client.receipts.account import account_of
from fedota_client.receipts.book import BOOK, HEAD, ReceiptBook
from fedota_client.receipts.checking import CheckedBook, check_book
from fedota_client.receipts.facts import model_sha256
from fedota_client.update_store import KeptUpdate
from fedota_client.worker_protocol import payload_parts
from fedota_proto.credential import ReceiptKey, SigningKey
from fedota_proto.errors import FolderError
from fedota_proto.invite import Invite
from fedota_proto.records import ArrayBytes, Records
from fedota_proto.v1 import fl_round_pb2 as pb

KEY = SigningKey.generate()
RECEIPT_KEY = ReceiptKey.generate()
INVITE = Invite(
    problem_id="abcdef123456",
    title="Tumours",
    node_id=7,
    name="clinic",
    expires_unix_s=0.0,
    ca_pem="",
    receipt_public_key=RECEIPT_KEY.public_bytes,
    invite_public_key=b"",
    selectors=(),
)
SHA = b"\1" * 32
ADDRESS = "fl.example.org:7443"


def update(task_id: int, loss: float = 0.5, **more: Any) -> KeptUpdate:
    records = Records(metrics={"metrics": {"num-examples": 80, "loss": loss}}, order=["metrics"])
    payload = memoryview(b"".join(bytes(part) for part in payload_parts(records)))
    return KeptUpdate(task_id, "train", (1, task_id, 1), SHA, payload, **more)


def outcome(task_id: int, *, sha256: bytes = SHA, key: ReceiptKey = RECEIPT_KEY) -> pb.Outcome:
    one = pb.Outcome(
        task_id=task_id,
        message_type="train",
        kind=pb.COUNTED,
        weight=80.0,
        update_sha256=sha256,
    )
    one.round.generation, one.round.server_round, one.round.attempt = 1, task_id, 1
    key.sign_outcome(INVITE.problem_id, INVITE.node_id, one)
    return one


@pytest.fixture
def open_book(tmp_path: Path) -> Iterator[Callable[[], ReceiptBook]]:
    books = []

    def make() -> ReceiptBook:
        books.append(ReceiptBook(tmp_path, KEY, INVITE, clock=lambda: 1000.0))
        return books[-1]

    yield make
    for book in books:
        book.close()


@pytest.fixture
def written(open_book: Callable[[], ReceiptBook], tmp_path: Path) -> Path:
    """A book of seven lines: its opening, then three updates with their outcomes."""
    book = open_book()
    for task_id in (1, 2, 3):
        book.sending(update(task_id), ADDRESS)
        assert book.settled(outcome(task_id))
    return tmp_path


def lines_of(folder: Path) -> list[bytes]:
    return (folder / BOOK).read_bytes().splitlines(keepends=True)


def findings(folder: Path, lines: list[bytes]) -> list[str]:
    (folder / BOOK).write_bytes(b"".join(lines))
    return check_book(folder).findings


def test_a_book_as_it_was_written_is_right(written: Path) -> None:
    checked = check_book(written)
    assert (checked.findings, checked.notes) == ([], [])
    assert [line["kind"] for line in checked.lines] == ["opened", *["sent", "outcome"] * 3]


def test_a_rounds_line_says_everything(written: Path) -> None:
    line = check_book(written).lines[2]
    told = {name: line[name] for name in ("problem_id", "round", "bytes", "weight", "metrics")}
    assert told == {
        "problem_id": "abcdef123456",
        "round": [1, 1, 1],
        "bytes": update(1).payload.nbytes,
        "weight": 80,
        "metrics": {"loss": 0.5},
    }
    assert (line["unix_s"], line["to"], line["outcome"]) == (1000.0, ADDRESS, "COUNTED")
    assert line["update_sha256"] == line["signed_sha256"] == SHA.hex()
    assert {"release", "model_in", "privacy", "reason", "coordinator_signature"} < set(line)


@pytest.mark.parametrize("place", range(7))
def test_a_changed_line_is_found_and_named(written: Path, place: int) -> None:
    lines = lines_of(written)
    lines[place] = lines[place].replace(b'"release": "', b'"release": "9')
    found = findings(written, lines)
    assert found == [f"Line {place + 1} was changed: this client's signature does not fit it."]


@pytest.mark.parametrize("place", range(1, 6))
def test_a_removed_line_is_found_and_named(written: Path, place: int) -> None:
    lines = lines_of(written)
    del lines[place]
    (found,) = findings(written, lines)
    assert found.startswith(f"Line {place + 1} was written as line {place + 2} and does not follow")


def test_removed_last_lines_are_found(written: Path) -> None:
    found = findings(written, lines_of(written)[:-2])
    assert found == ["7 lines were written and 5 are there: the last were removed."]


def test_a_removed_first_line_is_found(written: Path) -> None:
    assert findings(written, lines_of(written)[1:])[0].startswith("Line 1 names no keys")


@pytest.mark.parametrize("place", range(1, 6))
def test_reordered_lines_are_found_and_named(written: Path, place: int) -> None:
    lines = lines_of(written)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    assert findings(written, lines)[0].startswith(f"Line {place + 1} was written as line")


def test_a_line_that_is_none_is_found(written: Path) -> None:
    lines = lines_of(written)
    lines[3] = b"nonsense\n"
    assert findings(written, lines) == ["Line 4 was changed: it is not as a receipt is written."]


def test_a_line_put_in_from_another_book_is_found(written: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = ReceiptBook(tmp_path / "other", SigningKey.generate(), INVITE)
    other.sending(update(9), ADDRESS)
    other.close()
    lines = lines_of(written)
    lines.insert(3, lines_of(tmp_path / "other")[1])
    assert findings(written, lines)[0].startswith("Line 4 was changed")


def test_an_outcome_that_the_coordinator_did_not_sign_is_found(
    open_book: Callable[[], ReceiptBook], tmp_path: Path
) -> None:
    book = open_book()
    book.sending(update(1), ADDRESS)
    book.settled(outcome(1, key=ReceiptKey.generate()))
    assert check_book(tmp_path).findings == [
        "Line 3: the coordinator did not sign this outcome of task 1."
    ]


def test_another_update_than_the_one_that_left_is_found(
    open_book: Callable[[], ReceiptBook], tmp_path: Path
) -> None:
    book = open_book()
    book.sending(update(1), ADDRESS)
    book.settled(outcome(1, sha256=b"\2" * 32))
    assert "signed another update than the one that left" in check_book(tmp_path).findings[0]


def test_without_its_head_the_end_is_not_sure(written: Path) -> None:
    (written / HEAD).unlink()
    assert "lines may be missing at the end" in check_book(written).findings[0]


def test_each_thing_is_written_once_across_processes(
    open_book: Callable[[], ReceiptBook], tmp_path: Path
) -> None:
    book = open_book()
    book.sending(update(1), ADDRESS)
    book.sending(update(1), ADDRESS)
    again = open_book()
    again.sending(update(1), ADDRESS)
    assert again.settled(outcome(1))
    assert not again.settled(outcome(1))
    last = open_book()
    assert not last.settled(outcome(1))
    last.sending(update(1), ADDRESS)
    checked = check_book(tmp_path)
    assert [line["kind"] for line in checked.lines] == ["opened", "sent", "outcome"]
    assert checked.lines[2]["weight"] == 80
    assert checked.findings == []


def test_a_line_that_a_crash_cut_off_is_no_fault_and_is_cut_away(
    written: Path, open_book: Callable[[], ReceiptBook]
) -> None:
    with (written / BOOK).open("ab") as file:
        file.write(lines_of(written)[-1][:50])
    checked = check_book(written)
    assert checked.findings == []
    assert checked.notes == [
        "After line 7 a line was cut off, as a crash leaves it: it is not counted."
    ]
    book = open_book()
    book.sending(update(4), ADDRESS)
    checked = check_book(written)
    assert (checked.findings, checked.notes) == ([], [])
    assert [line["kind"] for line in checked.lines[7:]] == ["note", "sent"]
    assert checked.lines[7]["bytes"] == 50


def test_a_line_without_its_head_is_a_crash_between_the_two(written: Path) -> None:
    head = (written / HEAD).read_text()
    number, _ = head.split()
    five = lines_of(written)[5]
    from fedota_client.receipts.line import line_sha256

    (written / HEAD).write_text(f"{int(number) - 1:012d} {line_sha256(five)}\n")
    assert check_book(written).findings == []


def test_failures_and_numbers_that_json_has_not(
    open_book: Callable[[], ReceiptBook], tmp_path: Path
) -> None:
    book = open_book()
    book.sending(update(1, loss=math.nan), ADDRESS)
    failed = KeptUpdate(2, "train", (1, 2, 1), failure=("diverged", "It diverged."))
    book.sending(failed, ADDRESS)
    first, second = check_book(tmp_path).lines[1:]
    assert first["metrics"] == {"loss": "nan"}
    assert second["failure"] == {"code": "diverged", "reason": "It diverged."}


def test_the_sums(open_book: Callable[[], ReceiptBook], tmp_path: Path) -> None:
    book = open_book()
    spent = {"epsilon_round": 1.5, "epsilon_total": 2.5, "delta": 1e-5, "updates": 2}
    book.sending(update(1), ADDRESS)
    book.sending(update(2, privacy=spent), ADDRESS)
    book.settled(outcome(1))
    account = account_of(check_book(tmp_path).lines)
    assert [row.outcome for row in account.rows] == ["counted", "no outcome known"]
    assert [row.server_round for row in account.rows] == [1, 2]
    assert account.rows[0].metrics == "weight 80, loss 0.5"
    assert account.counted == 1
    assert account.bytes == 2 * update(1).payload.nbytes
    assert (account.epsilon_total, account.delta) == (2.5, 1e-5)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="nothing leaves without a receipt"):
        ReceiptBook(tmp_path / "nowhere", KEY, INVITE)
    with pytest.raises(FolderError, match="holds no receipts"):
        check_book(tmp_path)


def test_the_models_hash_names_every_array() -> None:
    def records(name: str, sha256: bytes) -> Records:
        array = ArrayBytes("float32", (1,), "numpy.ndarray", b"x", sha256)
        return Records(arrays={"arrays": {name: array}})

    assert len(model_sha256(records("w", SHA))) == 64
    assert model_sha256(records("w", SHA)) != model_sha256(records("v", SHA))
    assert model_sha256(records("w", SHA)) != model_sha256(records("w", b"\2" * 32))
    assert model_sha256(records("w", b"")) == ""


def test_a_book_is_json_that_people_can_read(written: Path) -> None:
    assert all(isinstance(json.loads(line), dict) for line in lines_of(written))
    assert isinstance(check_book(written), CheckedBook)


def test_a_full_disk_leaves_no_half_line(
    open_book: Callable[[], ReceiptBook], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = open_book()
    book.sending(update(1), ADDRESS)
    before = (tmp_path / BOOK).read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:40]))
    with pytest.raises(FolderError, match="No space left on device"):
        book.sending(update(2), ADDRESS)
    monkeypatch.undo()
    assert (tmp_path / BOOK).read_bytes() == before
    book.sending(update(2), ADDRESS)
    checked = check_book(tmp_path)
    assert (checked.findings, len(checked.lines)) == ([], 3)
