"""``fedota-coordinator job aggregate``: the middle of a dry run, one round without a network.

The client's job ``dry-run`` writes the updates, this one checks and aggregates them exactly as a
round does, and the client's job ``score`` loads the result::

    UPDATES/update-<k>.safetensors   the arrays, by the manifest's names
    UPDATES/update-<k>.json          {"num-examples": 40, "loss": 0.61, "accuracy": 0.8}
    OUT/aggregated.safetensors       the next model, in the manifest's order
    OUT/result.json                  {"strategy", "aggregation", "reports", "weight", "metrics"}
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flwr.app import ConfigRecord, Message, MetricRecord, RecordDict
from flwr.serverapp import Grid

from fedota_proto.errors import (
    FedotaError,
    FolderError,
    InternalError,
    UpdateRejectedError,
)
from fedota_proto.flower import records_from_flower
from fedota_proto.manifest import Manifest
from fedota_proto.problem import Problem, read_problem
from fedota_proto.records import Arrays, Records
from fedota_proto.running_mean import RunningMean
from fedota_proto.update_checks import CheckedUpdate, check_train_update
from fedota_server.coordinator import flower_private
from fedota_server.coordinator.facts import declared_specs, plain_weight
from fedota_server.coordinator.problem_checks import problem_checks
from fedota_server.strategies.build import build_strategy
from fedota_server.strategies.declared_arrays import ARRAYS_KEY, METRICS_KEY, WEIGHT_KEY
from fedota_server.strategies.flower_arrays import flower_arrays, record_of
from fedota_server.strategies.metric_means import mean_metrics
from fedota_server.tensor_file import read_tensors, write_tensors

AGGREGATED_FILE = "aggregated.safetensors"
RESULT_FILE = "result.json"

_UPDATE_FILE = re.compile(r"update-(\d+)\.safetensors")
_RUN_ID = 1


class FixedCohort(Grid):
    """Names a cohort to a strategy that configures a round, and sends nothing.

    Parameters
    ----------
    node_ids
        The cohort.
    """

    def __init__(self, node_ids: Sequence[int]) -> None:
        self._node_ids = tuple(node_ids)
        self._run = flower_private.new_run(_RUN_ID)

    def set_run(self, run: flower_private.Run) -> None:
        """Take over a run."""
        self._run = run

    @property
    def run(self) -> flower_private.Run:
        """The run."""
        return self._run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """Make a message."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> Iterable[int]:
        """Name the cohort."""
        return self._node_ids

    def push_messages(self, messages: Iterable[Message]) -> Iterable[str]:
        """Refuse: there is nobody to send to."""
        raise InternalError("A dry run sends no messages.")

    def pull_messages(self, message_ids: Iterable[str]) -> Iterable[Message]:
        """Refuse, as `push_messages` does."""
        raise InternalError("A dry run receives no messages.")

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> Iterable[Message]:
        """Refuse, as `push_messages` does."""
        raise InternalError("A dry run sends no messages.")


@dataclass(frozen=True, slots=True)
class Aggregated:
    """What a round made of its updates.

    Parameters
    ----------
    arrays
        The next model, in the manifest's order.
    metrics
        Averaged over those who sent them.
    weight
        Number of examples of all updates.
    """

    arrays: Arrays
    metrics: dict[str, float]
    weight: float


def read_updates(folder: Path) -> list[tuple[str, Records]]:
    """Read the updates that the client's dry run wrote.

    Parameters
    ----------
    folder
        Holds two files for each.

    Returns
    -------
    list of tuple of str and Records
        Each update's name and content, by its number.

    Raises
    ------
    FolderError
        If there is none, or a file is missing or damaged.
    """
    numbers = sorted(int(m[1]) for p in folder.glob("*") if (m := _UPDATE_FILE.fullmatch(p.name)))
    if not numbers:
        raise FolderError(
            f"{folder.name} holds no updates: run `fedota-client job dry-run` before."
        )
    updates = []
    for number in numbers:
        name = f"update-{number}"
        document = _json_of(folder / f"{name}.json")
        records = Records(
            arrays={ARRAYS_KEY: _tensors_of(folder / f"{name}.safetensors")},
            metrics={METRICS_KEY: document},
            order=[ARRAYS_KEY, METRICS_KEY],
        )
        updates.append((name, records))
    return updates


def aggregate(
    problem: Problem,
    manifest: Manifest,
    initial: Arrays,
    updates: Sequence[tuple[str, Records]],
) -> Aggregated:
    """Take updates through the checks and the strategy, as the first server round does.

    Parameters
    ----------
    problem, manifest
        What is published.
    initial
        The global model that the updates started from.
    updates
        Name and content of each, in the order in which they count.

    Returns
    -------
    Aggregated
        The model after the round.

    Raises
    ------
    UpdateRejectedError
        If a check refuses an update; the message begins with its name.
    StrategyError
        If the strategy raises or returns nothing usable.
    """
    checked = [_checked(name, records, problem, manifest) for name, records in updates]
    flower_private.take_identity(_RUN_ID)
    strategy = build_strategy(problem, manifest)
    cohort = FixedCohort(range(1, len(checked) + 1))
    model = record_of(flower_arrays(initial).items())
    messages = sorted(
        strategy.configure_train(1, model, ConfigRecord(), cohort),
        key=lambda message: message.metadata.dst_node_id,
    )
    if problem.strategy.spec.aggregation == "mean":
        replies = [_reply(messages[0], _folded(manifest, checked))]
    else:
        replies = [_reply(to, one) for to, one in zip(messages, checked, strict=True)]
    record, metrics = strategy.aggregate_train(1, replies)
    arrays = records_from_flower(RecordDict({ARRAYS_KEY: record})).arrays[ARRAYS_KEY]
    averaged = {name: float(v) for name, v in metrics.items() if not isinstance(v, list)}
    return Aggregated(arrays, averaged, sum(one.weight for one in checked))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job.

    Parameters
    ----------
    arguments
        Those after ``job aggregate``; None: those of the process.

    Returns
    -------
    int
        0, or 1 after one sentence on standard error. A wrong command line exits with 2.
    """
    options = _parser().parse_args(arguments)
    try:
        problem = read_problem(options.problem)
        manifest = _manifest_of(options.manifest)
        initial = options.initial or options.manifest.with_name("initial.safetensors")
        updates = read_updates(options.updates)
        result = aggregate(problem, manifest, _tensors_of(initial), updates)
        _write(options.out, problem, result, reports=len(updates))
    except FedotaError as error:
        sys.stderr.write(f"{error.public_message}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fedota-coordinator job aggregate",
        description="Check and aggregate the updates of a dry run, as a round does.",
    )
    parser.add_argument("--problem", type=Path, required=True, help="the problem's folder")
    parser.add_argument("--manifest", type=Path, required=True, help="the model's manifest.json")
    parser.add_argument(
        "--initial", type=Path, help="the model's arrays (default: beside the manifest)"
    )
    parser.add_argument("--updates", type=Path, required=True, help="folder of the updates")
    parser.add_argument("--out", type=Path, required=True, help="folder for the result")
    return parser


def _checked(name: str, records: Records, problem: Problem, manifest: Manifest) -> CheckedUpdate:
    try:
        return check_train_update(
            records, specs=declared_specs(manifest), checks=problem_checks(problem, manifest)
        )
    except UpdateRejectedError as error:
        raise UpdateRejectedError(error.reason_code, f"{name}: {error.public_message}") from error


def _folded(manifest: Manifest, updates: Sequence[CheckedUpdate]) -> CheckedUpdate:
    """Fold updates into one, as selectors and Grid do."""
    mean = RunningMean(manifest.arrays)
    for update in updates:
        mean.add_views(update.views, update.weight)
    weight = mean.weight
    metrics = mean_metrics((update.metrics, update.weight) for update in updates)
    return CheckedUpdate(mean.mean(), (), weight, metrics)


def _reply(to: Message, update: CheckedUpdate) -> Message:
    metrics = MetricRecord({WEIGHT_KEY: plain_weight(update.weight), **update.metrics})
    arrays = record_of(flower_arrays(update.arrays).items())
    return Message(RecordDict({ARRAYS_KEY: arrays, METRICS_KEY: metrics}), reply_to=to)


def _write(out: Path, problem: Problem, result: Aggregated, *, reports: int) -> None:
    document = {
        "strategy": problem.strategy.name,
        "aggregation": problem.strategy.spec.aggregation,
        "reports": reports,
        "weight": result.weight,
        "metrics": result.metrics,
    }
    try:
        out.mkdir(parents=True, exist_ok=True)
        write_tensors(out / AGGREGATED_FILE, result.arrays)
        (out / RESULT_FILE).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise FolderError(f"The result cannot be written: {error}.") from error


def _manifest_of(path: Path) -> Manifest:
    try:
        return Manifest.from_json(path.read_bytes())
    except OSError as error:
        raise FolderError(f"{path.name} cannot be read: {error.strerror}.") from error


def _tensors_of(path: Path) -> Arrays:
    try:
        return read_tensors(path)[0]
    except (OSError, ValueError) as error:
        raise FolderError(f"{path.name} cannot be read: {error}.") from error


def _json_of(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise FolderError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(document, dict):
        raise FolderError(f"{path.name} holds no JSON object.")
    return document
