"""The running mean is the flat weighted mean, whatever the grouping, the weights and the dtype."""

from __future__ import annotations

from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto.errors import InternalError, StrategyError, StreamError
from fedota_proto.records import ArrayBytes, Arrays, npy_view
from fedota_proto.running_mean import WINDOW, RunningMean, first_non_finite


@dataclass(frozen=True)
class Spec:
    name: str
    dtype: str
    shape: tuple[int, ...]


DTYPES = {
    "float16": (np.dtype(np.float16), 2**-11),
    "bfloat16": (np.dtype(ml_dtypes.bfloat16), 2**-8),
    "float32": (np.dtype(np.float32), 1e-6),
    "float64": (np.dtype(np.float64), 1e-14),
}
SPECS = [
    Spec("kernel", "float32", (3, 4)),
    Spec("none", "float32", (0, 2)),
    Spec("scalar", "float64", ()),
    Spec("half", "float16", (5,)),
    Spec("brain", "bfloat16", (2, 2)),
]


def update_of(rng: np.random.Generator, specs: list[Spec]) -> Arrays:
    """An update whose arrays come in another order than the specs."""
    return {
        spec.name: ArrayBytes.from_numpy(
            np.asarray(rng.standard_normal(spec.shape)).astype(DTYPES[spec.dtype][0])
        )
        for spec in reversed(specs)
    }


def wide(array: ArrayBytes) -> np.ndarray:
    view = npy_view(array)
    return (view.view(ml_dtypes.bfloat16) if view.dtype.kind == "V" else view).astype(np.float64)


def flat_mean(updates: list[tuple[Arrays, float]], name: str) -> np.ndarray:
    largest = max(weight for _, weight in updates)
    scaled = [(wide(arrays[name]), weight / largest) for arrays, weight in updates]
    return np.asarray(sum(w * x for x, w in scaled)) / sum(w for _, w in scaled)


def assert_is_flat_mean(
    got: Arrays, specs: list[Spec], updates: list[tuple[Arrays, float]]
) -> None:
    assert [(n, a.dtype, a.shape) for n, a in got.items()] == [
        (s.name, s.dtype, s.shape) for s in specs
    ]
    for spec in specs:
        expected = flat_mean(updates, spec.name)
        if expected.size:
            largest = max(np.abs(wide(arrays[spec.name])).max() for arrays, _ in updates)
            error = np.abs(wide(got[spec.name]) - expected).max()
            assert error <= DTYPES[spec.dtype][1] * largest, spec


WEIGHTS = st.one_of(
    st.integers(1, 10**6), st.floats(1e-3, 1e9), st.floats(5e-324, 1e300), st.just(1)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(WEIGHTS, min_size=1, max_size=2 * WINDOW + 3), st.integers(0, 99))
def test_is_the_flat_mean(weights: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    updates = [(update_of(rng, SPECS), float(weight)) for weight in weights]
    mean = RunningMean(SPECS)
    for arrays, weight in updates:
        mean.add(arrays, weight)
    assert mean.count == len(weights)
    assert mean.weight == pytest.approx(sum(weights), rel=1e-12)
    assert_is_flat_mean(mean.mean(), SPECS, updates)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.floats(0.5, 1e6), min_size=1, max_size=9), min_size=1, max_size=5),
    st.integers(0, 99),
)
def test_mean_of_weighted_means_is_the_flat_mean(groups: list[list[float]], seed: int) -> None:
    specs = [spec for spec in SPECS if spec.dtype in ("float32", "float64")]
    rng = np.random.default_rng(seed)
    updates = []
    top = RunningMean(specs)
    for weights in groups:
        part = RunningMean(specs)
        for weight in weights:
            updates.append((update_of(rng, specs), weight))
            part.add(*updates[-1])
        top.add(part.mean(), part.weight)
    assert_is_flat_mean(top.mean(), specs, updates)


@pytest.mark.parametrize("center", [0.0, 1.0])
@pytest.mark.parametrize("spread", [0.0, 1.0])
def test_a_thousand_updates_stay_within_a_millionth(center: float, spread: float) -> None:
    rng = np.random.default_rng(3)
    specs = [Spec("a", "float32", (2000,))]
    base = rng.standard_normal(2000) + center
    mean, reference, total = RunningMean(specs), np.zeros(2000), 0.0
    for _ in range(1000):
        values = (base + spread * rng.standard_normal(2000)).astype(np.float32)
        weight = float(rng.integers(1, 500))
        mean.add({"a": ArrayBytes.from_numpy(values)}, weight)
        reference += weight * values.astype(np.float64)
        total += weight
    reference /= total
    error = np.abs(wide(mean.mean()["a"]) - reference).max()
    assert error <= 1e-6 * np.abs(reference).max()


def test_no_weight_makes_finite_elements_overflow() -> None:
    specs = [Spec("a", "float32", (2,)), Spec("b", "float64", ())]
    mean = RunningMean(specs)
    big = {
        "a": ArrayBytes.from_numpy(np.array([1e38, -2e38], np.float32)),
        "b": ArrayBytes.from_numpy(np.array(1e308)),
    }
    for weight in [1e-3, 1.0, 1e290, 1e300, 1e-300, *[1e9] * 50]:
        mean.add(big, weight)
    got = mean.mean()
    np.testing.assert_allclose(wide(got["a"]), [1e38, -2e38], rtol=1e-6)
    np.testing.assert_allclose(wide(got["b"]), 1e308, rtol=1e-12)


def test_the_same_updates_in_the_same_order_give_the_same_bits() -> None:
    results = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        mean = RunningMean(SPECS)
        for weight in range(1, 2 * WINDOW):
            mean.add(update_of(rng, SPECS), weight)
        results.append({name: bytes(array.data) for name, array in mean.mean().items()})
    assert results[0] == results[1]


def test_the_mean_of_one_update_is_that_update() -> None:
    arrays = update_of(np.random.default_rng(1), SPECS)
    mean = RunningMean(SPECS)
    mean.add(arrays, 4096)
    assert {n: a.data for n, a in mean.mean().items()} == {n: a.data for n, a in arrays.items()}


NORMAL = st.floats(-(2.0**100), 2.0**100, width=32).filter(lambda x: abs(x) > 2.0**-100 or x == 0)


@given(st.lists(NORMAL, min_size=1, max_size=20))
def test_bfloat16_rounds_to_nearest_as_ml_dtypes_does(values: list[float]) -> None:
    exact = np.array(values, np.float32)
    low, high = exact.astype(ml_dtypes.bfloat16), (exact * 2).astype(ml_dtypes.bfloat16)
    mean = RunningMean([Spec("a", "bfloat16", low.shape)])
    for array in (low, high):
        mean.add({"a": ArrayBytes.from_numpy(array)}, 1.0)
    half = (low.astype(np.float32) / 2 + high.astype(np.float32) / 2).astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(wide(mean.mean()["a"]), half.astype(np.float64))


def test_an_update_that_does_not_fit_leaves_no_trace() -> None:
    rng = np.random.default_rng(2)
    good = update_of(rng, SPECS)
    mean = RunningMean(SPECS)
    mean.add(good, 1)
    shape = ArrayBytes.from_numpy(np.zeros((4, 3), np.float32))
    fortran = ArrayBytes.from_numpy(np.zeros((3, 4), np.float32))
    fortran.data = bytes(fortran.data).replace(b"'fortran_order': False", b"'fortran_order':  True")
    for bad in (shape, fortran, ArrayBytes.from_numpy(np.zeros((3, 4)))):
        with pytest.raises(StreamError, match="kernel"):
            mean.add({**update_of(rng, SPECS), "kernel": bad}, 1)
    with pytest.raises(StreamError):
        mean.add({name: good[name] for name in list(good)[1:]}, 1)
    with pytest.raises(StreamError, match="kernel"):
        mean.add({("x" if n == "kernel" else n): a for n, a in good.items()}, 1)
    assert mean.count == 1
    assert {n: a.data for n, a in mean.mean().items()} == {n: a.data for n, a in good.items()}


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan"), float("inf")])
def test_refuses_weights_that_cannot_be_averaged(weight: float) -> None:
    with pytest.raises(InternalError):
        RunningMean([]).add({}, weight)


def test_a_mean_is_taken_once_until_reset() -> None:
    specs = [Spec("a", "float32", (1,))]
    arrays = {"a": ArrayBytes.from_numpy(np.ones(1, np.float32))}
    mean = RunningMean(specs)
    with pytest.raises(InternalError):
        mean.mean()
    mean.add(arrays, 2)
    first = mean.mean()
    assert (mean.weight, mean.count) == (2, 1)
    with pytest.raises(InternalError):
        mean.mean()
    with pytest.raises(InternalError):
        mean.add(arrays, 2)
    mean.reset()
    assert (mean.weight, mean.count) == (0, 0)
    mean.add({"a": ArrayBytes.from_numpy(np.full(1, 5, np.float32))}, 1)
    assert wide(mean.mean()["a"]) == [5]
    assert wide(first["a"]) == [1]


def test_integers_have_no_mean() -> None:
    with pytest.raises(StrategyError, match=r"'steps' is int64"):
        RunningMean([Spec("steps", "int64", ())])


@settings(deadline=None)
@given(
    st.sampled_from(list(DTYPES)),
    st.integers(1, 70_000),
    st.data(),
    st.sampled_from([np.nan, np.inf, -np.inf]),
)
def test_finds_the_first_value_that_is_not_finite(
    dtype: str, size: int, data: st.DataObject, bad: float
) -> None:
    values = np.ones(size, DTYPES[dtype][0])
    view = npy_view(ArrayBytes.from_numpy(values))
    assert first_non_finite(view) is None
    places = data.draw(st.lists(st.integers(0, size - 1), min_size=1, max_size=3))
    values[places] = bad
    values[max(places)] = -bad
    assert first_non_finite(npy_view(ArrayBytes.from_numpy(values))) == min(places)


def test_large_finite_values_are_finite() -> None:
    assert first_non_finite(np.full((3, 100), np.finfo(np.float32).max)) is None
    assert first_non_finite(np.array([1e38, -1e38] * 50, np.float32)) is None
    assert first_non_finite(np.full(9, np.finfo(np.float64).max)) is None
    assert first_non_finite(np.full(9, np.float16(65504))) is None
    assert first_non_finite(np.zeros((0, 3), np.float32)) is None
    assert first_non_finite(np.array(np.nan)) == 0


def test_the_sums_lie_where_they_are_told_to() -> None:
    made: list[memoryview] = []

    def allocate(size_bytes: int) -> memoryview:
        made.append(memoryview(bytearray(b"\xff" * size_bytes)))  # with anything in it
        return made[-1]

    specs = [Spec("w", "float32", (2, 3)), Spec("v", "float64", (4,))]
    mean = RunningMean(specs, allocate=allocate)
    rng = np.random.default_rng(1)
    updates = [(update_of(rng, specs), float(weight)) for weight in range(1, WINDOW + 3)]
    for arrays, weight in updates:
        mean.add(arrays, weight)
    result = mean.mean()
    assert len(made) == 3  # float32 in windows has two
    for spec in specs:
        assert np.allclose(wide(result[spec.name]), flat_mean(updates, spec.name), rtol=1e-5)
        assert any(result[spec.name].data == one for one in made)
