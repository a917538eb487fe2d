"""The server's half: Flower's FedAvg, counting the replies that it is given."""

# mypy: ignore-errors
from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import FedAvg

app = ServerApp()


class Counting(FedAvg):
    """FedAvg that notes how many replies with a content came."""

    def __init__(self, nodes: int) -> None:
        super().__init__(min_train_nodes=nodes, min_evaluate_nodes=nodes, min_available_nodes=nodes)
        self.replies: list[int] = []
        self.weights: list[float] = []

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Note, then aggregate."""
        replies = list(replies)
        good = [reply for reply in replies if reply.has_content()]
        self.replies.append(len(good))
        self.weights.append(sum(float(reply.content["metrics"]["num-examples"]) for reply in good))
        return super().aggregate_train(server_round, replies)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run two rounds and write down what came."""
    strategy = Counting(int(context.run_config["nodes"]))
    result = strategy.start(
        grid=grid,
        initial_arrays=ArrayRecord({"w": Array(np.zeros(4, np.float32))}),
        num_rounds=2,
    )
    found = {
        "w": result.arrays["w"].numpy().tolist(),
        "replies": strategy.replies,
        "weights": strategy.weights,
        "losses": [float(m["loss"]) for m in result.train_metrics_clientapp.values()],
        "evaluations": len(result.evaluate_metrics_clientapp),
    }
    Path(str(context.run_config["result-file"])).write_text(json.dumps(found))
