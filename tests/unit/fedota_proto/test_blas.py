"""``y += alpha * x`` by OpenBLAS and by numpy are the same to rounding."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_proto import blas


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([np.float32, np.float64]),
    st.sampled_from([0, 1, 7, 1000, (1 << 15) - 1, 1 << 15, (1 << 16) + 3]),
    st.floats(-4, 4),
    st.integers(0, 99),
)
def test_both_ways_agree(dtype: type[np.floating], size: int, alpha: float, seed: int) -> None:
    x, y = np.random.default_rng(seed).standard_normal((2, size)).astype(dtype)
    expected = y.astype(np.float64) + float(dtype(alpha)) * x.astype(np.float64)
    by_numpy = y.copy()
    blas.numpy_axpy(alpha, x, by_numpy)
    blas.axpy(alpha, x, y)
    tolerance = 16 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(by_numpy, expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(y, expected, rtol=tolerance, atol=tolerance)


def test_numpy_does_where_no_openblas_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "openblas_axpy", lambda: None)
    y = np.ones(3)
    blas.axpy(2.0, np.arange(3.0), y)
    assert y.tolist() == [1.0, 3.0, 5.0]


READ_ONLY = np.zeros(4, np.float32)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (np.zeros(4, np.float32), np.zeros(5, np.float32)),
        (np.zeros(4, np.float32), np.zeros(4, np.float64)),
        (np.zeros(4, np.float16), np.zeros(4, np.float16)),
        (np.zeros(4, ">f4"), np.zeros(4, ">f4")),
        (np.zeros((2, 2), np.float32), np.zeros((2, 2), np.float32)),
        (np.zeros(8, np.float32)[::2], np.zeros(4, np.float32)),
        (np.zeros(4, np.float32), np.zeros(8, np.float32)[::2]),
        (np.zeros(4, np.float32), READ_ONLY),
    ],
)
def test_refuses_what_the_routine_would_misread(x: np.ndarray, y: np.ndarray) -> None:
    with pytest.raises(ValueError, match="axpy"):
        blas.axpy(1.0, x, y)
