"""The server's half: asks, warms up, then takes the largest of all models, twice."""

# mypy: ignore-errors
from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid, ServerApp
from flwr.serverapp.strategy import Strategy

app = ServerApp()


class Largest(Strategy):
    """Take, element by element, the largest that any node brought."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def configure_train(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask every node."""
        content = RecordDict({"arrays": arrays, "config": config})
        return [Message(content, node_id, "train") for node_id in grid.get_node_ids()]

    def aggregate_train(
        self, server_round: int, replies: Iterable[Message]
    ) -> tuple[ArrayRecord | None, MetricRecord | None]:
        """Take the largest."""
        replies = list(replies)
        self.calls += [int(reply.content["stamp"]["calls"]) for reply in replies]
        largest = np.max([reply.content["arrays"]["w"].numpy() for reply in replies], axis=0)
        return ArrayRecord({"w": Array(largest)}), None

    def configure_evaluate(
        self, server_round: int, arrays: ArrayRecord, config: ConfigRecord, grid: Grid
    ) -> Iterable[Message]:
        """Ask every node."""
        content = RecordDict({"arrays": arrays})
        return [Message(content, node_id, "evaluate") for node_id in grid.get_node_ids()]

    def aggregate_evaluate(
        self, server_round: int, replies: Iterable[Message]
    ) -> MetricRecord | None:
        """List what each said."""
        return MetricRecord({"sums": sorted(float(r.content["m"]["sum"]) for r in replies)})

    def summary(self) -> None:
        """Say nothing."""


def ask(grid: Grid, node_ids: list[int]) -> dict[str, list[object]]:
    """Send a query to every node, without waiting, then gather answers and errors."""
    message_ids = list(
        grid.push_messages([Message(RecordDict(), node, "query") for node in node_ids])
    )
    replies: list[Message] = []
    until = time.monotonic() + 30
    while len(replies) < len(message_ids) and time.monotonic() < until:
        replies += grid.pull_messages(message_ids)
        time.sleep(0.02)
    answered = [reply for reply in replies if reply.has_content()]
    return {
        "rows": sorted(int(reply.content["answer"]["rows"]) for reply in answered),
        "errors": [reply.error.reason for reply in replies if reply.has_error()],
    }


def warm_up(grid: Grid, node_ids: list[int]) -> list[float]:
    """Send an action of training, with a content of its own for every node."""
    messages = [
        Message(
            RecordDict({"config": ConfigRecord({"factor": 10.0 * (place + 1)})}),
            node_id,
            "train.warmup",
        )
        for place, node_id in enumerate(node_ids)
    ]
    replies = grid.send_and_receive(messages, timeout=30)
    return sorted(float(reply.content["answer"]["product"]) for reply in replies)


@app.main()
def main(grid: Grid, context: Context) -> None:
    """Run it all and write down what came."""
    node_ids = list(grid.get_node_ids())
    result: dict[str, object] = {"nodes": len(node_ids), "again": len(list(grid.get_node_ids()))}
    result |= ask(grid, node_ids)
    result["products"] = warm_up(grid, node_ids)
    strategy = Largest()
    start = ArrayRecord({"w": Array(np.zeros(4, np.float32))})
    trained = strategy.start(grid, start, num_rounds=int(context.run_config["rounds"]))
    result["w"] = trained.arrays["w"].numpy().tolist()
    result["calls"] = strategy.calls
    result["evaluations"] = {
        str(number): list(record["sums"])
        for number, record in trained.evaluate_metrics_clientapp.items()
    }
    Path(str(context.run_config["result-file"])).write_text(json.dumps(result))
