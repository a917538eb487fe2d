"""The computed memory against what Flower's aggregation takes in fact."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message, MetricRecord, RecordDict

from fedota_proto.manifest import ITEM_BYTES, Manifest, ManifestArray
from fedota_proto.problem import strategy_table
from fedota_server.coordinator.memory import BASE_BYTES, memory_need
from fedota_server.strategies.build import build_strategy

MODEL_BYTES = 1 << 18


def manifest_of(dtype: str, pieces: int) -> Manifest:
    size = MODEL_BYTES // ITEM_BYTES[dtype] // pieces
    return Manifest(arrays=tuple(ManifestArray(f"w{i}", dtype, (size,)) for i in range(pieces)))


def record_of(manifest: Manifest, rng: np.random.Generator) -> ArrayRecord:
    return ArrayRecord(
        {a.name: Array(rng.normal(size=a.shape).astype(a.dtype)) for a in manifest.arrays}
    )


def peak_bytes(lab: Any, problem: Any, manifest: Manifest, reports: int) -> int:
    """The peak of a second round's aggregation, the replies included."""
    strategy = build_strategy(problem, manifest)
    rng = np.random.default_rng(0)
    model = record_of(manifest, rng)
    peak = 0
    for server_round in (1, 2):
        gc.collect()
        tracemalloc.start()
        try:
            messages = lab.configure(strategy, server_round, model, range(1, reports + 1))
            replies = [
                Message(
                    RecordDict(
                        {
                            "arrays": record_of(manifest, rng),
                            "metrics": MetricRecord({"num-examples": 3, "loss": 1.0}),
                        }
                    ),
                    reply_to=message,
                )
                for message in messages
            ]
            tracemalloc.reset_peak()
            strategy.aggregate_train(server_round, replies)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    return peak


@pytest.mark.parametrize(("dtype", "pieces"), [("float32", 1), ("float32", 8), ("float16", 1)])
@pytest.mark.parametrize("name", tuple(strategy_table()))
def test_bounds_what_the_aggregation_takes(lab: Any, name: str, dtype: str, pieces: int) -> None:
    manifest = manifest_of(dtype, pieces)
    problem = lab.problem(name)
    forwarded = strategy_table()[name].aggregation == "forwarded"
    reports = 14 if forwarded else 1

    need = memory_need(
        replace(problem, rounds=replace(problem.rounds, goal_count=reports, over_selection=1.0)),
        manifest,
    )
    peak = peak_bytes(lab, problem, manifest, reports)

    assert need.reports == reports
    assert bool(need.per_report_bytes) == forwarded
    assert peak <= need.total_bytes - BASE_BYTES
    assert need.total_bytes - BASE_BYTES <= 3 * peak
