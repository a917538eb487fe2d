"""The node's half: returns what it got."""

from __future__ import annotations

from flwr.app import Context, Message, MetricRecord, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train()
def train(message: Message, context: Context) -> Message:
    """Return the arrays unchanged, with a weight."""
    content = RecordDict(
        {
            "arrays": message.content["arrays"],
            "metrics": MetricRecord({"num-examples": 10, "loss": 0.5}),
        }
    )
    return Message(content=content, reply_to=message)


@app.evaluate()
def evaluate(message: Message, context: Context) -> Message:
    """Return a metric with a weight."""
    content = RecordDict({"metrics": MetricRecord({"num-examples": 10, "loss": 0.5})})
    return Message(content=content, reply_to=message)
