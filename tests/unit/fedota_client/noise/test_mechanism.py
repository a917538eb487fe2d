"""What leaves under noise: the change clipped, every element noised, statistics kept back."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fedota_client.failures import TaskFailedError
from fedota_client.noise.mechanism import NoisyUpdates
from fedota_proto.privacy_rules import PrivacyRules

RECEIVED = {
    "a": np.array([1.0, 2.0], "float32"),
    "b": np.array([[3.0]], "float32"),
    "mean": np.array([5.0], "float32"),
}
TRAINED = {
    "a": np.array([4.0, 2.0], "float32"),
    "b": np.array([[-1.0]], "float32"),
    "mean": np.array([9.0], "float32"),
}
TRAINABLE = ("a", "b")


def rules(clipping_norm: float, noise_multiplier: float) -> PrivacyRules:
    return PrivacyRules(clipping_norm, noise_multiplier)


def test_a_change_is_scaled_down_to_the_norm() -> None:
    # ‖Δ‖ = ‖(3, 0, -4)‖ = 5; with noise of 1e-12 only the clipping shows.
    sent = NoisyUpdates(rules(1.0, 1e-12)).apply(RECEIVED, TRAINED, TRAINABLE)
    assert sent["a"] == pytest.approx([1.6, 2.0])
    assert sent["b"] == pytest.approx(np.array([[2.2]]))


def test_a_change_below_the_norm_stays() -> None:
    sent = NoisyUpdates(rules(100.0, 1e-12)).apply(RECEIVED, TRAINED, TRAINABLE)
    assert sent["a"] == pytest.approx([4.0, 2.0])


def test_what_the_optimizer_does_not_train_does_not_leave() -> None:
    sent = NoisyUpdates(rules(1.0, 1.0)).apply(RECEIVED, TRAINED, TRAINABLE)
    assert sent["mean"] == RECEIVED["mean"]
    assert list(sent) == list(TRAINED)


def test_the_noise_has_the_declared_deviation() -> None:
    zeros = {"w": np.zeros((200, 200), "float32")}
    sent = NoisyUpdates(rules(0.5, 3.0), np.random.default_rng(7)).apply(zeros, zeros, ("w",))
    assert float(sent["w"].std()) == pytest.approx(1.5, rel=0.02)
    assert abs(float(sent["w"].mean())) < 0.03
    assert sent["w"].dtype == np.dtype("float32")


def test_two_clients_draw_different_noise() -> None:
    zeros = {"w": np.zeros(4, "float32")}
    first, second = (
        NoisyUpdates(rules(1.0, 1.0)).apply(zeros, zeros, ("w",))["w"] for _ in range(2)
    )
    assert not np.array_equal(first, second)


def test_what_diverged_does_not_leave() -> None:
    trained = {**TRAINED, "a": np.array([math.nan, 2.0], "float32")}
    with pytest.raises(TaskFailedError) as failed:
        NoisyUpdates(rules(1.0, 1.0)).apply(RECEIVED, trained, TRAINABLE)
    assert failed.value.code == "diverged"
