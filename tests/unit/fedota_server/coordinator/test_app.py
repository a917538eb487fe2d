"""What is folded of an app's messages, and which round they belong to."""

from __future__ import annotations

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from fedota_proto.errors import UsageError
from fedota_server.coordinator.app import folded_specs, round_of
from fedota_server.coordinator.contents import Content, digested_records


def content(*arrays: np.ndarray, records: int = 1, **config: int) -> Content:
    found = RecordDict({"config": ConfigRecord(dict(config)), "m": MetricRecord({"x": 1.0})})
    for number in range(records if arrays else 0):
        found[f"arrays{number}"] = ArrayRecord(
            {f"a{i}": Array(array) for i, array in enumerate(arrays)}
        )
    return Content(1, digested_records(found))


FLOATS = np.ones((2, 3), np.float32)


def test_messages_with_the_same_arrays_are_folded() -> None:
    specs = folded_specs([content(FLOATS, lr=1), content(2 * FLOATS, lr=2)])
    assert [(s.name, s.dtype, tuple(s.shape)) for s in specs] == [("a0", "float32", (2, 3))]


@pytest.mark.parametrize(
    "contents",
    [
        [content()],
        [content(FLOATS, records=2)],
        [content(FLOATS), content(FLOATS.T)],
        [content(FLOATS), content()],
    ],
)
def test_others_are_forwarded(contents: list[Content]) -> None:
    assert folded_specs(contents) == ()


def test_arrays_that_have_no_mean_are_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="'a0' is int64"):
        folded_specs([content(np.ones(2, np.int64))])


def test_the_round_is_what_flowers_strategies_say() -> None:
    assert round_of([content(FLOATS, **{"server-round": 4})]) == 4
    assert round_of([content(FLOATS, **{"server-round": 0})]) == 0
    assert round_of([content(FLOATS)]) == 0
