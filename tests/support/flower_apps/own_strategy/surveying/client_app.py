"""The node's half: everything that it answers is a function of its partition."""

# mypy: ignore-errors
from __future__ import annotations

from collections.abc import Callable

import numpy as np
from flwr.app import Array, ArrayRecord, Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp


def stamp(
    message: Message, context: Context, call_next: Callable[[Message, Context], Message]
) -> Message:
    """Count the calls of this node, on every reply."""
    calls = context.state.metric_records.setdefault("calls", MetricRecord({"calls": 0}))
    calls["calls"] = int(calls["calls"]) + 1
    reply = call_next(message, context)
    reply.content["stamp"] = MetricRecord({"calls": calls["calls"]})
    return reply


app = ClientApp(mods=[stamp])


def partition(context: Context) -> int:
    """Return the node's number, from 0."""
    return int(context.node_config["partition-id"])


@app.query()
def query(message: Message, context: Context) -> Message:
    """Say how many rows there are; the last node cannot."""
    number = partition(context)
    if number == int(context.node_config["num-partitions"]) - 1:
        raise RuntimeError("no rows here")
    content = RecordDict({"answer": MetricRecord({"rows": 100 * (number + 1)})})
    return Message(content=content, reply_to=message)


@app.train("warmup")
def warm_up(message: Message, context: Context) -> Message:
    """Echo the configuration."""
    factor = message.content["config"]["factor"]
    content = RecordDict({"answer": MetricRecord({"product": factor * (partition(context) + 1)})})
    return Message(content=content, reply_to=message)


@app.train()
def train(message: Message, context: Context) -> Message:
    """Add the node's number to every element."""
    received = message.content["arrays"]["w"].numpy()
    arrays = ArrayRecord({"w": Array(received + np.float32(partition(context) + 1))})
    return Message(content=RecordDict({"arrays": arrays}), reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Return the sum of what came."""
    total = float(message.content["arrays"]["w"].numpy().sum())
    return Message(content=RecordDict({"m": MetricRecord({"sum": total})}), reply_to=message)
