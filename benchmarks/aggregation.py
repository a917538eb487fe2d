"""From received bytes to the running mean, on one core.

Run with ``python -m benchmarks.aggregation``; prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

import numpy as np

from fedota_proto.records import CHUNK_BYTES, ArrayBytes, PayloadReader, Records, to_payload
from fedota_proto.running_mean import WINDOW, RunningMean
from fedota_proto.update_checks import check_train_update
from fedota_proto.v1 import fl_intra_pb2 as intra_pb
from fedota_proto.v1 import fl_records_pb2 as pb
from fedota_proto.values import Entries

SHAPES = ((3000, 2000), (2000, 2000), (2000,), (2000, 1240), (1240,))  # 50 MB of float32
CHECKS = intra_pb.Checks(
    declared=True, train_metrics=["loss"], weight_key="num-examples", weight_max=1e9
)


def _specs(shapes: tuple[tuple[int, ...], ...]) -> list[pb.ArraySpec]:
    return [
        pb.ArraySpec(name=f"layers/dense_{i}/vars/0", dtype="float32", shape=shape)
        for i, shape in enumerate(shapes)
    ]


def _received(specs: list[pb.ArraySpec], rng: np.random.Generator, weight: int) -> Records:
    """Make an update and let it arrive, so that it lies in memory as in a selector."""
    arrays = {
        spec.name: ArrayBytes.from_numpy(rng.standard_normal(tuple(spec.shape), np.float32))
        for spec in specs
    }
    metrics: Entries = {"num-examples": weight, "loss": 0.5}
    payload, chunks = to_payload(Records({"arrays": arrays}, {"metrics": metrics}))
    reader = PayloadReader(payload)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.finish()


def aggregation_gb_s(updates: int = 64, repeats: int = 3) -> float:
    """Time all checks and the merge of a 50 MB model's updates.

    Parameters
    ----------
    updates
        How many are merged, of four that differ.
    repeats
        How often that is timed; the fastest counts, since other processes only take time away.

    Returns
    -------
    float
        10^9 bytes of updates a second; the flushes of the running mean included.
    """
    specs = _specs(SHAPES)
    rng = np.random.default_rng(0)
    received = [_received(specs, rng, weight) for weight in (7, 100, 31, 250)]
    mean = RunningMean(specs)

    def merge(count: int) -> float:
        start = time.perf_counter()
        for i in range(count):
            update = check_train_update(received[i % 4], specs=specs, checks=CHECKS)
            mean.add_views(update.views, update.weight)
        return time.perf_counter() - start

    merge(WINDOW + 1)  # then both accumulators have their memory, as in a long round
    fastest_s = min(merge(updates) for _ in range(repeats))
    return updates * received[0].size_bytes() / fastest_s / 1e9


def assembly_gb_s(repeats: int = 20) -> float:
    """Time `PayloadReader` putting chunks of 1 MiB together to 50 MB.

    Parameters
    ----------
    repeats
        How many payloads are read.

    Returns
    -------
    float
        10^9 bytes a second, with a new buffer for each payload.
    """
    records = _received(_specs(SHAPES), np.random.default_rng(0), 1)
    payload, stream = to_payload(records, chunk_bytes=CHUNK_BYTES)
    chunks = [bytes(chunk) for chunk in stream]
    start = time.perf_counter()
    for _ in range(repeats):
        reader = PayloadReader(payload)
        for chunk in chunks:
            reader.feed(chunk)
        reader.finish()
    return repeats * records.size_bytes() / (time.perf_counter() - start) / 1e9


def mean_error(updates: int = 1000, size: int = 20_000) -> float:
    """Compare the mean of many updates with a float64 reference.

    Parameters
    ----------
    updates
        How many are merged, with unequal weights.
    size
        Elements of the model.

    Returns
    -------
    float
        Largest difference relative to the largest element; the worse of a model with elements
        around zero and one with elements around one, where every rounding has the same sign.
    """
    return max(_error(updates, size, center) for center in (0.0, 1.0))


def _error(updates: int, size: int, center: float) -> float:
    specs = _specs(((size,),))
    rng = np.random.default_rng(1)
    mean = RunningMean(specs)
    reference, total = np.zeros(size), 0.0
    for _ in range(updates):
        values = (center + rng.standard_normal(size)).astype(np.float32)
        weight = float(rng.integers(1, 1000))
        mean.add({specs[0].name: ArrayBytes.from_numpy(values)}, weight)
        reference += weight * values.astype(np.float64)
        total += weight
    got = np.frombuffer(mean.mean()[specs[0].name].data, np.float32, offset=128)
    reference /= total
    return float(np.abs(got - reference).max() / np.abs(reference).max())


def main() -> None:
    """Print all three figures as JSON."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--updates", type=int, default=64)
    updates = parser.parse_args().updates
    figures = {
        "aggregation_gb_s": round(aggregation_gb_s(updates), 3),
        "assembly_gb_s": round(assembly_gb_s(), 3),
        "mean_error": mean_error(),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
