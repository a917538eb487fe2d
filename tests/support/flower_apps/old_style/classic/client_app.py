"""The node's half."""

# mypy: ignore-errors
from __future__ import annotations

import numpy as np
from flwr.client import Client, ClientApp, NumPyClient
from flwr.common import Context, NDArrays, Scalar


class Adding(NumPyClient):
    """Adds its number; weighs as many examples."""

    def __init__(self, number: int) -> None:
        self.number = number

    def fit(
        self, parameters: NDArrays, config: dict[str, Scalar]
    ) -> tuple[NDArrays, int, dict[str, Scalar]]:
        """Add the number to every element."""
        return [array + np.float32(self.number) for array in parameters], self.number, {}

    def evaluate(
        self, parameters: NDArrays, config: dict[str, Scalar]
    ) -> tuple[float, int, dict[str, Scalar]]:
        """Return the first element as the loss."""
        return float(parameters[0][0]), self.number, {}


def client_fn(context: Context) -> Client:
    """Make the client of a node."""
    return Adding(int(context.node_config["partition-id"]) + 1).to_client()


app = ClientApp(client_fn=client_fn)
