"""Appended rows survive a process that is killed in the middle of a line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import FolderError
from fedota_server.coordinator.journal import Journal


def rows_in(path: Path) -> list[dict[str, object]]:
    journal = Journal(path)
    journal.close()
    return journal.rows


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "rows.jsonl"
    journal = Journal(path)
    journal.append([{"a": 1}, {"a": "zwölf\n"}])
    journal.append([{"a": None}])
    journal.sync()
    journal.close()
    assert rows_in(path) == [{"a": 1}, {"a": "zwölf\n"}, {"a": None}]


@given(cut=st.integers(0, 26))
def test_a_line_that_was_cut_off_is_removed(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "rows.jsonl"
    whole = b'{"a":1}\n{"a":2}\n{"a":3}\n{'
    path.write_bytes(whole[:cut])
    complete = whole[:cut].count(b"\n")
    journal = Journal(path)
    assert journal.rows == [{"a": n} for n in range(1, complete + 1)]
    journal.append([{"a": "next"}])
    journal.close()
    assert rows_in(path) == [*({"a": n} for n in range(1, complete + 1)), {"a": "next"}]


def test_a_damaged_line_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a":1}\nnonsense\n{"a":3}\n')
    with pytest.raises(FolderError, match="line 2"):
        Journal(path)


def test_a_folder_that_is_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").mkdir()
    with pytest.raises(FolderError, match=r"rows\.jsonl"):
        Journal(tmp_path / "rows.jsonl")


def test_the_file_can_be_written_anew(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    journal = Journal(path)
    journal.append([{"a": n} for n in range(100)])
    journal.replace([{"a": 99}])
    journal.append([{"a": 100}])
    journal.close()
    assert rows_in(path) == [{"a": 99}, {"a": 100}]
    assert [p.name for p in tmp_path.iterdir()] == ["rows.jsonl"]
