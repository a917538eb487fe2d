"""Classes that a holder never has."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fedota_client.personal.priors import absent_classes, unlikely


def test_only_classes_without_an_example_are_absent() -> None:
    absent = absent_classes(np.array([0.0, 2.0, 2.0, 0.0]), 4)
    assert absent is not None
    assert absent.indices == (1, 3)
    assert absent.shift == pytest.approx(math.log(4 / 8))
    assert absent_classes(np.array([0, 1, 2, 3]), 4) is None
    assert absent_classes(np.empty(0), 4) is None


def test_their_probability_becomes_that_of_laplaces_rule() -> None:
    """A model that takes every class for as likely then gives an absent one about 1/(n + K)."""
    labels = np.zeros(96, np.int64)
    absent = absent_classes(labels, 4)
    assert absent is not None
    arrays = {"w": np.ones(3, np.float32), "b": np.zeros(4, np.float32)}
    shifted = unlikely(arrays, "b", absent)
    odds = np.exp(shifted["b"].astype(float))
    assert odds[1] / odds[0] == pytest.approx(4 / 100)
    assert shifted["b"].dtype == np.dtype("float32")
    assert arrays["b"].tolist() == [0, 0, 0, 0]
    assert shifted["w"] is arrays["w"]
