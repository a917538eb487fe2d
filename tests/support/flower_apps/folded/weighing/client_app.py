"""The node's half: adds its number, weighs as many examples; one may lie."""

# mypy: ignore-errors
from __future__ import annotations

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


def number_of(context: Context) -> int:
    """Return the node's number, from 1."""
    return int(context.node_config["partition-id"]) + 1


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the number; where lies are asked for, the first node sends another shape."""
    number = number_of(context)
    array = message.content["arrays"]["w"].numpy() + np.float32(number)
    if context.run_config["lies"] and number == 1:
        array = np.full((1, 4), np.float32(1e6))
    content = RecordDict(
        {
            "arrays": ArrayRecord({"w": Array(array)}),
            "metrics": MetricRecord({"num-examples": number, "loss": float(number)}),
        }
    )
    return Message(content=content, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Return a metric with a weight."""
    metrics = MetricRecord({"num-examples": number_of(context), "loss": 0.5})
    return Message(content=RecordDict({"metrics": metrics}), reply_to=message)
