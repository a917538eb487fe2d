"""How exactly weight and metrics are told."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import UsageError
from fedota_proto.strategy_table import strategy_table

METRICS = {"loss": 0.12345, "accuracy": 0.987}


def test_exact_tells_all() -> None:
    assert ShareMetrics.EXACT.weight(12_345) == 12_345
    assert ShareMetrics.EXACT.metrics(METRICS) == METRICS


@pytest.mark.parametrize("share", [ShareMetrics.COARSE, ShareMetrics.NONE])
@pytest.mark.parametrize(
    ("examples", "told"), [(1, 1), (97, 97), (123, 120), (1_987, 2_000), (12_345, 12_000)]
)
def test_the_weight_is_told_to_two_digits(share: ShareMetrics, examples: int, told: int) -> None:
    assert share.weight(examples) == told


@given(st.integers(1, 10**9))
def test_a_coarse_weight_is_near_and_above_zero(examples: int) -> None:
    told = ShareMetrics.COARSE.weight(examples)
    assert told > 0
    assert abs(told - examples) <= examples * 0.05


def test_coarse_metrics_have_two_decimals_and_no_minus_zero() -> None:
    assert ShareMetrics.COARSE.metrics(METRICS) == {"loss": 0.12, "accuracy": 0.99}
    (zero,) = ShareMetrics.COARSE.metrics({"loss": -0.001}).values()
    assert math.copysign(1.0, zero) == 1.0


def test_none_tells_no_metric() -> None:
    assert ShareMetrics.NONE.metrics(METRICS) == {}


def test_a_strategy_that_needs_the_loss_refuses_none() -> None:
    table = strategy_table()
    ShareMetrics.NONE.check(table["FedAvg"])
    ShareMetrics.COARSE.check(table["QFedAvg"])
    with pytest.raises(UsageError, match="QFedAvg weighs each update by its training loss"):
        ShareMetrics.NONE.check(table["QFedAvg"])
