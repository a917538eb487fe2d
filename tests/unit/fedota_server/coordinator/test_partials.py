"""Partials fold into the flat mean, in place; only declared arrays are taken."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.records import ArrayBytes, Arrays, PayloadReader, Records, to_payload
from fedota_proto.v1 import fl_intra_pb2, fl_records_pb2
from fedota_server.coordinator.messages import PartialArrived
from fedota_server.coordinator.partials import (
    PartialFold,
    declared_arrays,
    mean_metrics,
    own_elements,
)
from fedota_server.coordinator.tasks import Entry


def spec(name: str, array: np.ndarray) -> fl_records_pb2.ArraySpec:
    return fl_records_pb2.ArraySpec(name=name, dtype=array.dtype.name, shape=array.shape)


def received(arrays: dict[str, np.ndarray]) -> Arrays:
    """Send arrays and put them together again, as a partial's arrive."""
    records = Records(arrays={"arrays": {n: ArrayBytes.from_numpy(a) for n, a in arrays.items()}})
    payload, chunks = to_payload(records, inline_bytes=0)
    reader = PayloadReader(payload)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish().arrays["arrays"]


def partial(
    arrays: dict[str, np.ndarray], weight: float, *metrics: fl_intra_pb2.MetricMean
) -> PartialArrived:
    entry = Entry(int(weight), int(weight), weight, b"")
    return PartialArrived(received(arrays), (entry,), weight, metrics)


def elements(array: ArrayBytes) -> np.ndarray:
    return own_elements(array).copy()


def test_one_partial_is_the_mean_exactly() -> None:
    array = np.array([[0.1, -3.7]], np.float32)
    fold = PartialFold([spec("w", array)])
    fold.add(partial({"w": array}, 7.0))
    assert (fold.weight, fold.count, fold.nodes) == (7.0, 1, [7])
    np.testing.assert_array_equal(elements(fold.arrays()["w"]), array)


def test_nothing_folded_is_empty() -> None:
    assert PartialFold([]).arrays() == {}


def test_partials_weigh_as_many_examples_as_they_have() -> None:
    a, b = np.array([1.0, 2.0], np.float32), np.array([5.0, -2.0], np.float32)
    fold = PartialFold([spec("w", a)])
    fold.add(partial({"w": a}, 1.0))
    fold.add(partial({"w": b}, 3.0))
    np.testing.assert_array_equal(elements(fold.arrays()["w"]), np.array([4.0, -1.0], np.float32))


def test_the_first_partials_buffer_becomes_the_mean() -> None:
    a = np.ones(1000, np.float32)
    fold = PartialFold([spec("w", a)])
    first = partial({"w": a}, 1.0)
    address = own_elements(first.arrays["w"]).ctypes.data
    fold.add(first)
    fold.add(partial({"w": 3 * a}, 1.0))
    mean = fold.arrays()["w"]
    assert own_elements(mean).ctypes.data == address
    np.testing.assert_array_equal(elements(mean), 2 * a)


def test_bytes_that_others_may_read_are_copied_first() -> None:
    array = ArrayBytes.from_numpy(np.ones(3, np.float32))
    before = array.data
    own_elements(array)[:] = 5
    np.testing.assert_array_equal(elements(array), np.full(3, 5, np.float32))
    assert ArrayBytes("float32", (3,), "numpy.ndarray", before).digest() != array.digest()


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@given(
    weights=st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    seed=st.integers(0, 2**31),
)
def test_the_fold_is_the_flat_mean(dtype: str, weights: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    updates = [
        {"w": rng.normal(size=(5, 3)).astype(dtype), "b": rng.normal(size=()).astype(dtype)}
        for _ in weights
    ]
    fold = PartialFold([spec(n, a) for n, a in updates[0].items()])
    for update, weight in zip(updates, weights, strict=True):
        fold.add(partial(update, float(weight)))
    mean = fold.arrays()
    assert fold.weight == sum(weights)
    tolerance = 1e-6 if dtype != "float16" else 1e-3
    for name in ("w", "b"):
        exact = np.average([u[name].astype(np.float64) for u in updates], axis=0, weights=weights)
        largest = max(np.abs(u[name]).max() for u in updates)
        error = np.abs(elements(mean[name]).astype(np.float64) - exact).max()
        assert error <= tolerance * float(largest)
        assert mean[name].dtype == dtype


def mean_of(name: str, mean: float, weight: float) -> fl_intra_pb2.MetricMean:
    return fl_intra_pb2.MetricMean(name=name, mean=mean, weight=weight, count=1)


def test_each_metric_is_averaged_over_those_who_sent_it() -> None:
    array = np.ones(1, np.float32)
    fold = PartialFold([spec("w", array)])
    fold.add(partial({"w": array}, 10.0, mean_of("loss", 1.0, 10.0)))
    fold.add(
        partial({"w": array}, 30.0, mean_of("loss", 3.0, 30.0), mean_of("accuracy", 0.5, 20.0))
    )
    assert fold.metrics == {"loss": 2.5, "accuracy": 0.5}


def test_huge_metrics_do_not_overflow() -> None:
    once = mean_metrics({}, [mean_of("loss", 1e308, 1e9)])
    twice = mean_metrics(once, [mean_of("loss", 1e308, 1e9)])
    assert twice["loss"] == (1e308, 2e9)


def test_metrics_without_weight_count_for_nothing() -> None:
    assert mean_metrics({}, [mean_of("loss", 1.0, 0.0)]) == {}


DECLARED = {"w": np.ones((2, 2), np.float32), "b": np.ones(2, np.float32)}
SPECS = [spec(name, array) for name, array in DECLARED.items()]


def records_of(arrays: dict[str, np.ndarray]) -> Records:
    return Records(arrays={"arrays": received(arrays)})


def test_declared_arrays_are_put_in_order() -> None:
    taken = declared_arrays(records_of(dict(reversed(DECLARED.items()))), SPECS)
    assert taken is not None
    assert list(taken) == ["w", "b"]


@pytest.mark.parametrize(
    "arrays",
    [
        {"w": DECLARED["w"]},
        {**DECLARED, "c": DECLARED["b"]},
        {"w": DECLARED["w"], "x": DECLARED["b"]},
        {"w": DECLARED["w"].astype(np.float64), "b": DECLARED["b"]},
        {"w": np.ones((1, 2), np.float32), "b": DECLARED["b"]},
    ],
)
def test_other_arrays_are_not_taken(arrays: dict[str, np.ndarray]) -> None:
    assert declared_arrays(records_of(arrays), SPECS) is None


def test_lying_headers_and_other_records_are_not_taken() -> None:
    records = records_of(DECLARED)
    records.arrays["arrays"]["b"].data = ArrayBytes.from_numpy(np.ones(3, np.float32)).data
    assert declared_arrays(records, SPECS) is None
    assert declared_arrays(Records(), SPECS) is None
    twice = records_of(DECLARED)
    twice.arrays["more"] = twice.arrays["arrays"]
    assert declared_arrays(twice, SPECS) is None
