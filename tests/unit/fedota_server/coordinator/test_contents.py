"""A content goes once to each selector, and an array is hashed once."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, RecordDict

from fedota_server.coordinator.contents import Content, SentArrays, digested_records, table_key


def record(*values: float) -> ArrayRecord:
    return ArrayRecord(
        {f"a{i}": Array(np.full(3, value, np.float32)) for i, value in enumerate(values)}
    )


def content(number: int, arrays: ArrayRecord, **config: int) -> Content:
    records = RecordDict({"arrays": arrays, "config": ConfigRecord(dict(config))})
    return Content(number, digested_records(records))


def test_an_array_is_hashed_once_however_often_it_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arrays = record(1.0, 2.0)
    hashed = []
    real = hashlib.sha256

    def counting(data: bytes) -> object:
        hashed.append(len(data))
        return real(data)

    monkeypatch.setattr("fedota_proto.record_table.hashlib.sha256", counting)
    first = digested_records(RecordDict({"arrays": arrays}))
    again = digested_records(RecordDict({"arrays": arrays, "config": ConfigRecord({"x": 1})}))
    assert len(hashed) == 2
    digests = [array.sha256 for array in first.all_arrays()]
    assert digests == [array.sha256 for array in again.all_arrays()]
    assert digests[0] == real(arrays["a0"].data).digest()


def test_other_bytes_get_another_digest() -> None:
    arrays = record(1.0)
    before = digested_records(RecordDict({"arrays": arrays})).arrays["arrays"]["a0"].sha256
    arrays["a0"].data = Array(np.full(3, 5.0, np.float32)).data
    after = digested_records(RecordDict({"arrays": arrays})).arrays["arrays"]["a0"].sha256
    assert before != after


def test_a_selector_gets_only_what_it_lacks() -> None:
    sent = SentArrays()
    trained, next_model = record(1.0, 2.0), record(3.0, 2.0)
    payload, _ = sent.payload(content(1, trained, round=1))
    assert list(payload.follows) == [0, 1]
    payload, _ = sent.payload(content(2, next_model, round=1))
    assert list(payload.follows) == [0], "a1 is the same array"
    # The model that a round evaluates is the one that the next round trains.
    payload, _ = sent.payload(content(3, next_model, round=2))
    assert list(payload.follows) == []
    payload, _ = sent.payload(content(4, trained, round=2))
    assert list(payload.follows) == [0], "two contents back, a0 is not kept"


def test_contents_are_told_apart_by_all_that_they_hold() -> None:
    arrays = record(1.0)
    one, same = content(1, arrays, round=1), content(2, record(1.0), round=1)
    assert table_key(one.records) == table_key(same.records)
    assert table_key(one.records) != table_key(content(3, arrays, round=2).records)
    assert table_key(one.records) != table_key(content(4, record(2.0), round=1).records)
