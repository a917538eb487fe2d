"""The server's half: Flower's FedAvg, with the time and memory of each round written to a file."""

from __future__ import annotations

import json
import resource
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run the rounds; ``result-file`` then says when each ended and the peak memory."""
    config = context.run_config
    nodes = int(config["num-nodes"])
    ended_s: list[float] = []
    peak_kb: list[int] = []

    def note_round(server_round: int, arrays: ArrayRecord) -> MetricRecord | None:
        ended_s.append(time.perf_counter())
        peak_kb.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return None

    elements = int(config["num-elements"])
    start = np.linspace(0.0, 1.0, elements, dtype=np.float32)
    strategy = FedAvg(min_train_nodes=nodes, min_evaluate_nodes=nodes, min_available_nodes=nodes)
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord({"w": Array(start)}),
        num_rounds=int(config["num-server-rounds"]),
        evaluate_fn=note_round,
    )
    final = result.arrays["w"].numpy()
    Path(str(config["result-file"])).write_text(
        json.dumps(
            {
                "ended_s": ended_s,
                "peak_kb": peak_kb,
                "error": float(np.abs(final - start).max()),
                "evaluations": len(result.evaluate_metrics_clientapp),
            }
        )
    )
