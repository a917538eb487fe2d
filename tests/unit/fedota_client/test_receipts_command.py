"""The receipts as a table and as JSON, and the exit code when they were touched."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from fedota_client.command_line import app
from fedota_client.home import ClientHome
from fedota_client.receipts.book import BOOK, ReceiptBook
from fedota_client.update_store import KeptUpdate
from fedota_client.worker_protocol import payload_parts
from fedota_proto.credential import ReceiptKey, SigningKey
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.records import Records
from fedota_proto.v1 import fl_round_pb2 as pb

KEY = SigningKey.generate()
RECEIPT_KEY = ReceiptKey.generate()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a membership in which one update has left and was counted."""
    monkeypatch.setenv("FEDOTA_CLIENT_HOME", str(tmp_path))
    invite = sign_invite(
        KEY,
        Invite(
            problem_id="abcdef123456",
            title="Tumours",
            node_id=7,
            name="clinic",
            expires_unix_s=time.time() + 60,
            ca_pem="ca",
            receipt_public_key=RECEIPT_KEY.public_bytes,
            invite_public_key=KEY.public_bytes,
            selectors=(("localhost:1", "selector-1.abcdef123456.fedota"),),
        ),
    )
    home = ClientHome(tmp_path / "membership")
    home.adopt(invite)
    book = ReceiptBook(home.folder, home.key(), invite)
    records = Records(metrics={"metrics": {"num-examples": 80, "loss": 0.25}}, order=["metrics"])
    payload = memoryview(b"".join(bytes(part) for part in payload_parts(records)))
    spent = {"epsilon_round": 1.5, "epsilon_total": 2.5, "delta": 1e-5, "updates": 2}
    book.sending(
        KeptUpdate(1, "train", (1, 3, 1), b"\1" * 32, payload, privacy=spent), "localhost:1"
    )
    outcome = pb.Outcome(task_id=1, message_type="train", kind=pb.COUNTED, weight=80.0)
    outcome.update_sha256 = b"\1" * 32
    outcome.round.generation, outcome.round.server_round, outcome.round.attempt = 1, 3, 1
    RECEIPT_KEY.sign_outcome(invite.problem_id, invite.node_id, outcome)
    book.settled(outcome)
    book.close()
    return home.folder


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["receipts", *arguments])


def test_a_table_for_people(folder: Path) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    (row,) = [line for line in result.stdout.splitlines() if "weight 80, loss 0.25" in line]
    assert row.split()[:2] == ["3", "train"]
    assert "1.50" in row
    assert row.endswith("counted")
    assert "Updates that left: 1, " in result.stdout
    assert "ε 2.50 in all (δ 1e-05)" in result.stdout
    assert "All 3 lines" in result.stdout


def test_json_for_scripts(folder: Path) -> None:
    document = json.loads(run("--json").stdout)
    assert document["verified"] is True
    assert (document["updates"], document["counted"]) == (1, 1)
    assert document["lines"][2]["outcome"] == "COUNTED"


def test_a_touched_book_is_told_by_the_exit_code(folder: Path) -> None:
    book = folder / BOOK
    book.write_bytes(book.read_bytes().replace(b'"weight": 80', b'"weight": 81', 1))
    result = run()
    assert result.exit_code == 1
    assert "Line 2 was changed" in result.stdout
    document = json.loads(run("--json").stdout)
    assert document["verified"] is False
    assert document["findings"][0].startswith("Line 2 was changed")


def test_a_wiped_folder_is_checked_by_the_books_own_keys(folder: Path) -> None:
    for name in ("key.pem", "invite"):
        (folder / name).unlink()
    assert run().exit_code == 0


def test_another_key_in_the_first_line_does_not_pass(folder: Path) -> None:
    book = folder / BOOK
    other = SigningKey.generate().public_bytes.hex().encode()
    mine = ClientHome(folder).key().public_bytes.hex().encode()
    book.write_bytes(book.read_bytes().replace(mine, other))
    assert "Line 1 was changed" in run().stdout


def test_no_receipts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEDOTA_CLIENT_HOME", str(tmp_path / "nowhere"))
    result = run()
    assert result.exit_code == 2
    assert "There are no receipts under" in result.stderr
