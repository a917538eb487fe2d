"""The server's half."""

# mypy: ignore-errors
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from flwr.common import Context, NDArrays, Scalar, ndarrays_to_parameters
from flwr.server import ServerApp, ServerAppComponents, ServerConfig
from flwr.server.strategy import FedAvg


def server_fn(context: Context) -> ServerAppComponents:
    """Make the parts of the server."""
    path = Path(str(context.run_config["result-file"]))
    seen: list[list[float]] = []

    def evaluate_fn(
        server_round: int, arrays: NDArrays, config: dict[str, Scalar]
    ) -> tuple[float, dict[str, Scalar]]:
        seen.append([float(value) for value in arrays[0]])
        path.write_text(json.dumps(seen))
        return 0.0, {}

    strategy = FedAvg(
        initial_parameters=ndarrays_to_parameters([np.zeros(2, np.float32)]),
        min_available_clients=2,
        evaluate_fn=evaluate_fn,
    )
    return ServerAppComponents(strategy=strategy, config=ServerConfig(num_rounds=2))


app = ServerApp(server_fn=server_fn)
