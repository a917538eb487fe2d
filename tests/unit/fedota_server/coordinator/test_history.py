"""The history: append-only, durable, and the source of outcomes after a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import FolderError
from fedota_server.coordinator.history import (
    COUNTED,
    LATE,
    REJECTED,
    EvaluationRow,
    History,
    RollBackRow,
    RoundRow,
    Row,
    UpdateEntry,
)
from fedota_server.coordinator.history_rows import row_document, row_from_document

BIG = 2**63 - 1
COUNTED_ENTRY = UpdateEntry(BIG, 2**64 - 1, COUNTED, 31.5, b"\xab" * 32)
REJECTED_ENTRY = UpdateEntry(7, 12, REJECTED, 3.0, b"\x00" * 32, "not-finite", "holds nan")


def round_row(server_round: int, attempt: int = 1, generation: int = 0, **more: object) -> RoundRow:
    fields: dict[str, object] = {"completed": True, "ended_unix_s": 100.0 + server_round, **more}
    return RoundRow(
        generation=generation,
        server_round=server_round,
        attempt=attempt,
        **fields,  # type: ignore[arg-type]
    )


FULL = round_row(
    3,
    stage_s={"selection": 1.25, "reporting": 0.1},
    admitted=5,
    reported=4,
    failed=1,
    rejected=1,
    weight=1e9 + 0.5,
    metrics={"loss": 0.1 + 0.2, "accuracy": 1.0},
    received_bytes=2**40,
    sent_bytes=3,
    entries=(COUNTED_ENTRY, REJECTED_ENTRY),
)
ABANDONED_ROW = round_row(
    4, completed=False, reason="2 of 3 reported", abandoned_in="reporting", attempt=2
)
EVALUATION = EvaluationRow(
    generation=0,
    server_round=3,
    attempt=1,
    ended_unix_s=105.0,
    metrics={"loss": 0.5},
    clients=4,
    weight=20.0,
    entries=(UpdateEntry(7, 13, COUNTED, 5.0),),
)
ROLL_BACK = RollBackRow(generation=1, to_round=2, at_unix_s=110.0)
ROWS: tuple[Row, ...] = (FULL, ABANDONED_ROW, EVALUATION, ROLL_BACK)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "coordinator" / "history.jsonl"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    history = History(path)
    yield history
    history.close()


def reopened(path: Path) -> History:
    history = History(path)
    history.close()
    return history


def test_rows_come_back_equal(history: History, path: Path) -> None:
    for row in ROWS:
        history.append(row)

    assert history.rows == ROWS
    assert reopened(path).rows == ROWS


def test_a_row_is_one_line_that_people_can_read(history: History, path: Path) -> None:
    history.append(FULL)

    (line,) = path.read_text().splitlines()
    document = json.loads(line)
    assert (document["kind"], document["server_round"], document["metrics"]["accuracy"]) == (
        "round",
        3,
        1.0,
    )
    assert document["entries"][0]["update_sha256"] == "ab" * 32


def test_rows_are_appended_and_never_rewritten(history: History, path: Path) -> None:
    history.append(FULL)
    first = path.read_bytes()
    history.append(ROLL_BACK)
    again = History(path)
    again.append(round_row(3, generation=1))
    again.close()

    assert path.read_bytes().startswith(first)
    assert path.read_bytes().count(b"\n") == 3


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_cut_off(history: History, path: Path, cut: int) -> None:
    history.append(FULL)
    history.append(ABANDONED_ROW)
    path.write_bytes(path.read_bytes()[:-cut])

    again = History(path)
    assert again.rows == (FULL,)
    again.append(EVALUATION)
    again.close()

    assert reopened(path).rows == (FULL, EVALUATION)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        '{"kind": "other"}',
        '{"kind": "round", "generation": 0}',
        '{"kind": "round", "generation": 0, "server_round": 1, "attempt": 1, "completed": true, '
        '"ended_unix_s": 1, "entries": 3}',
        '{"kind":"evaluation","generation":0,"server_round":1,"attempt":1,"ended_unix_s":1,'
        '"entries":[{"node_id":1}]}',
    ],
)
def test_damage_before_the_last_line_is_said(history: History, path: Path, line: str) -> None:
    history.append(FULL)
    with path.open("a") as file:
        file.write(line + "\n")
    history.append(EVALUATION)

    with pytest.raises(FolderError, match=r"[Ll]ine 2"):
        History(path)


def test_keys_of_a_later_release_are_left_out() -> None:
    document = {**row_document(FULL), "shoe_size": 44}
    document["entries"] = [{**entry, "colour": "red"} for entry in document["entries"]]

    assert row_from_document(document) == FULL


def test_outcomes_survive_a_restart(history: History, path: Path) -> None:
    for row in ROWS:
        history.append(row)

    again = reopened(path)

    assert again.outcome_of(BIG, 2**64 - 1) == (FULL, COUNTED_ENTRY)
    assert again.outcome_of(7, 12) == (FULL, REJECTED_ENTRY)
    assert again.outcome_of(7, 13) == (EVALUATION, EVALUATION.entries[0])
    assert again.outcome_of(8, 12) is None
    assert again.outcomes_of(7) == [(FULL, REJECTED_ENTRY), (EVALUATION, EVALUATION.entries[0])]
    assert again.outcomes_of(99) == []


def test_a_later_row_of_the_same_task_answers(history: History) -> None:
    late = UpdateEntry(7, 12, LATE, 3.0)
    history.append(FULL)

    history.append(round_row(4, entries=(late,)))

    found = history.outcome_of(7, 12)
    assert found is not None
    assert found[1] == late


def test_attempts_are_counted_by_generation_and_round(history: History, path: Path) -> None:
    history.append(round_row(4, attempt=1, completed=False))
    history.append(round_row(4, attempt=2, completed=False))
    history.append(round_row(4, attempt=1, generation=1))

    for one in (history, reopened(path)):
        assert one.next_attempt(0, 4) == 3
        assert one.next_attempt(1, 4) == 2
        assert one.next_attempt(0, 5) == 1


def test_a_roll_back_supersedes_what_came_after_its_round(history: History, path: Path) -> None:
    for server_round in (1, 2, 3, 4):
        history.append(round_row(server_round))
    history.append(RollBackRow(generation=1, to_round=2, at_unix_s=1.0))
    history.append(round_row(3, generation=1))

    for one in (history, reopened(path)):
        marks = [(row.generation, row.server_round, gone) for row, gone in one.rounds()]
        assert marks == [
            (0, 1, False),
            (0, 2, False),
            (0, 3, True),
            (0, 4, True),
            (1, 3, False),
        ]


def test_a_checkpoints_row_that_a_crash_kept_from_the_history_is_added_once(
    history: History, path: Path
) -> None:
    history.append(round_row(2))

    assert history.ensure(FULL)
    assert not history.ensure(FULL)
    assert history.ensure_roll_back(ROLL_BACK)
    assert not history.ensure_roll_back(ROLL_BACK)

    again = reopened(path)
    assert again.rows == (round_row(2), FULL, ROLL_BACK)
    assert again.outcome_of(BIG, 2**64 - 1) == (FULL, COUNTED_ENTRY)


def test_an_evaluation_is_found_by_its_round(history: History, path: Path) -> None:
    history.append(FULL)
    history.append(EVALUATION)

    for one in (history, reopened(path)):
        assert one.evaluation_of(FULL) == EVALUATION
        assert one.evaluation_of(ABANDONED_ROW) is None


def test_a_folder_in_the_way_is_said(path: Path) -> None:
    path.mkdir(parents=True)

    with pytest.raises(FolderError):
        History(path)


entries = st.builds(
    UpdateEntry,
    node_id=st.integers(1, 2**63),
    task_id=st.integers(1, 2**64 - 1),
    outcome=st.sampled_from([COUNTED, LATE, REJECTED]),
    weight=st.floats(0, 1e12),
    update_sha256=st.binary(max_size=32),
    code=st.text(max_size=10),
    reason=st.text(max_size=40),
)
counts = st.integers(0, 2**40)
figures = st.dictionaries(st.text(max_size=10), st.floats(allow_nan=False), max_size=3)


@given(
    st.builds(
        RoundRow,
        generation=counts,
        server_round=counts,
        attempt=counts,
        completed=st.booleans(),
        ended_unix_s=st.floats(0, 1e11),
        reason=st.text(max_size=40),
        stage_s=figures,
        metrics=figures,
        entries=st.lists(entries, max_size=4).map(tuple),
    )
)
def test_any_row_comes_back_equal(row: RoundRow) -> None:
    assert row_from_document(json.loads(json.dumps(row_document(row)))) == row
