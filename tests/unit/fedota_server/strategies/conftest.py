"""A small model, problems over it, and plain Flower beside ours."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from flwr.app import (
    Array,
    ArrayRecord,
    ConfigRecord,
    Error,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.serverapp import Grid
from flwr.serverapp import strategy as flower_strategies
from flwr.serverapp.strategy import Strategy
from flwr.supercore.run import Run
from flwr.supercore.task_identity import TaskIdentity
from support.problems import SEVEN_REPORTS_TOML

from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.problem import Problem, parse_problem

# Neither the manifest's order nor the alphabet's is the order in which updates are built below.
MANIFEST = Manifest(
    arrays=(
        ManifestArray("layers/normal/vars/0", "float32", (3,)),
        ManifestArray("layers/normal/vars/2", "float32", (3,), trainable=False),
        ManifestArray("layers/normal/vars/3", "float32", (3,), trainable=False),
        ManifestArray("layers/dense/vars/0", "float32", (3, 2)),
        ManifestArray("layers/dense/vars/1", "float32", ()),
        ManifestArray("layers/a/vars/0", "float64", (4,)),
    ),
    loss="binary_crossentropy",
    metrics=("loss", "accuracy"),
)
VARIANCE = "layers/normal/vars/3"
NON_TRAINABLE = ("layers/normal/vars/2", VARIANCE)

PARAMETERS: dict[str, dict[str, float | int]] = {
    "FedAvg": {},
    "FedProx": {"proximal_mu": 0.1},
    "FedAvgM": {"server_learning_rate": 0.7, "server_momentum": 0.9},
    "FedAdam": {"eta": 0.05},
    "FedAdagrad": {"eta": 0.05},
    "FedYogi": {"eta": 0.05},
    "QFedAvg": {"client_learning_rate": 0.1, "q": 0.2},
    "FedMedian": {},
    "FedTrimmedAvg": {"beta": 0.2},
    "Krum": {"num_malicious_nodes": 1},
    "MultiKrum": {"num_malicious_nodes": 1, "num_nodes_to_select": 3},
    "Bulyan": {"num_malicious_nodes": 1},
}

NDArrays = dict[str, np.ndarray[Any, Any]]


class CohortGrid(Grid):
    """Knows a fixed cohort and sends nothing."""

    def __init__(self, node_ids: Sequence[int]) -> None:
        self._node_ids = list(node_ids)

    def set_run(self, run: Run) -> None:
        raise NotImplementedError

    @property
    def run(self) -> Run:
        raise NotImplementedError

    def create_message(self, *args: Any, **kwargs: Any) -> Message:
        raise NotImplementedError

    def get_node_ids(self) -> Iterable[int]:
        return list(self._node_ids)

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        raise NotImplementedError

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        raise NotImplementedError

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        raise NotImplementedError


@dataclass
class Update:
    """What one client reports."""

    node_id: int
    arrays: NDArrays
    weight: float
    metrics: dict[str, float] = field(default_factory=dict)


class Lab:
    """Makes problems, models, updates and messages; everything from seeds."""

    manifest = MANIFEST
    parameters = PARAMETERS
    variance = VARIANCE
    non_trainable = NON_TRAINABLE

    def problem(self, name: str) -> Problem:
        lines = [f'name = "{name}"', *(f"{k} = {v}" for k, v in PARAMETERS[name].items())]
        return parse_problem(SEVEN_REPORTS_TOML.format(strategy="\n".join(lines)))

    def plain(self, name: str) -> Strategy:
        """Flower's own, as anyone would build it."""
        extra: dict[str, Any] = {"train_loss_key": "loss"} if name == "QFedAvg" else {}
        strategy: Strategy = getattr(flower_strategies, name)(
            min_train_nodes=1,
            min_evaluate_nodes=1,
            min_available_nodes=1,
            **extra,
            **PARAMETERS[name],
        )
        return strategy

    def model(self, seed: int = 0) -> NDArrays:
        rng = np.random.default_rng(seed)
        arrays = {
            a.name: np.asarray(rng.normal(size=a.shape)).astype(a.dtype) for a in MANIFEST.arrays
        }
        arrays[VARIANCE] = np.abs(arrays[VARIANCE])
        return arrays

    def updates(self, model: Mapping[str, Any], seed: int, count: int = 7) -> list[Update]:
        """Updates near a model, with very unlike weights, their arrays in an order of their own."""
        rng = np.random.default_rng(seed)
        made = []
        for node_id in range(1, count + 1):
            arrays = {
                name: (array + 0.1 * rng.normal(size=array.shape)).astype(array.dtype)
                for name, array in model.items()
            }
            arrays[VARIANCE] = np.abs(arrays[VARIANCE])
            arrays = {name: np.asarray(arrays[name]) for name in rng.permutation(list(arrays))}
            metrics = {"loss": float(rng.uniform(0.1, 2.0)), "accuracy": float(rng.uniform())}
            made.append(Update(node_id, arrays, float(rng.integers(1, 2000)), metrics))
        return made

    def record(self, arrays: Mapping[str, Any], names: Iterable[str] | None = None) -> ArrayRecord:
        chosen = arrays if names is None else names
        return ArrayRecord({name: Array(np.asarray(arrays[name])) for name in chosen})

    def numpy(self, record: ArrayRecord) -> NDArrays:
        return {name: array.numpy() for name, array in record.items()}

    def configure(
        self, strategy: Strategy, server_round: int, arrays: ArrayRecord, node_ids: Sequence[int]
    ) -> list[Message]:
        messages = strategy.configure_train(
            server_round, arrays, ConfigRecord(), CohortGrid(node_ids)
        )
        return sorted(messages, key=lambda message: message.metadata.dst_node_id)

    def evaluate(
        self, strategy: Strategy, server_round: int, arrays: ArrayRecord, node_ids: Sequence[int]
    ) -> list[Message]:
        grid = CohortGrid(node_ids)
        return list(strategy.configure_evaluate(server_round, arrays, ConfigRecord(), grid))

    def reply(
        self,
        to: Message,
        update: Update,
        *,
        names: Iterable[str] | None = None,
        metrics: Iterable[str] = ("loss", "accuracy"),
    ) -> Message:
        """A client's reply, with the arrays and metrics named."""
        values = {m: update.metrics[m] for m in metrics if m in update.metrics}
        content = RecordDict(
            {
                "arrays": self.record(update.arrays, names),
                "metrics": MetricRecord({"num-examples": update.weight, **values}),
            }
        )
        return Message(content, reply_to=to)

    def metrics_reply(self, to: Message, weight: float, metrics: Mapping[str, float]) -> Message:
        record = MetricRecord({"num-examples": weight, **metrics})
        return Message(RecordDict({"metrics": record}), reply_to=to)

    def error_reply(self, to: Message) -> Message:
        return Message(Error(code=0, reason="gone"), reply_to=to)


@pytest.fixture(autouse=True, scope="package")
def _frozen_heap() -> Iterator[None]:
    """QFedAvg and Bulyan collect garbage at every reply: spare them what the imports left."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def _task_identity() -> Iterator[None]:
    before = (TaskIdentity._task_id, TaskIdentity._run_id, TaskIdentity._node_id)
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1
    yield
    TaskIdentity._task_id, TaskIdentity._run_id, TaskIdentity._node_id = before


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture(scope="module")
def lab_of_module() -> Lab:
    """The same for tests that hypothesis calls many times."""
    return Lab()
