"""The job ``dry-run``: as many updates from fake data as a round needs at least."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fedota_client.data.splitting import split
from fedota_client.fake_data import fake_examples
from fedota_client.jobs.files import write_arrays, write_json
from fedota_client.jobs.loading import failing_as, load_model
from fedota_client.worker.keras_tasks import (
    ARRAYS,
    CONFIG,
    METRICS,
    PROXIMAL_KEY,
    KerasTasks,
    read_manifest,
)
from fedota_client.worker.tasks import Progress, Task
from fedota_proto.problem import Problem, read_problem
from fedota_proto.records import ArrayBytes, Records, npy_view

FEWEST_EXAMPLES = 64
MOST_EXAMPLES = 1_000


def main(arguments: Sequence[str]) -> int:
    """Run ``dry-run --problem DIR --manifest FILE --out DIR``.

    Parameters
    ----------
    arguments
        The command line.

    Returns
    -------
    int
        0.

    Raises
    ------
    FedotaError
        Problem, model or format are refused, or do not go together.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job dry-run", description=__doc__)
    parser.add_argument("--problem", type=Path, required=True, help="the problem's folder")
    parser.add_argument("--manifest", type=Path, required=True, help="made by inspect")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for update-<k>.safetensors and update-<k>.json, k from 1",
    )
    given = parser.parse_args(arguments)
    make_updates(given.problem, given.manifest, given.out)
    return 0


def make_updates(folder: Path, manifest_path: Path, out: Path) -> None:
    """Train once for each of the problem's minimum reports, each on its own fake examples.

    Parameters
    ----------
    folder
        The problem's.
    manifest_path
        Of its model.
    out
        Where ``update-<k>.safetensors`` (the manifest's arrays) and ``update-<k>.json`` (metrics,
        num-examples among them) go.

    Raises
    ------
    FedotaError
        Problem, model or format are refused, or do not go together.
    """
    problem = read_problem(folder)
    manifest = read_manifest(manifest_path)
    model = load_model(folder / problem.model_file)
    task = _first_task(problem, model.arrays())
    count = min(MOST_EXAMPLES, max(FEWEST_EXAMPLES, problem.data.minimum_examples))
    fraction = problem.training.holdout_fraction
    for number in range(1, problem.rounds.minimum_reports + 1):
        examples = split(fake_examples(problem.data, count, number), fraction)
        tasks = KerasTasks(problem, manifest, model, examples)
        with failing_as("On fake data made from the declared format"):
            update = tasks.run(
                Task(number, "train", node_id=number, server_round=1),
                task,
                Progress(lambda: False, lambda fields: None),
            )
        arrays = {name: npy_view(array) for name, array in update.arrays[ARRAYS].items()}
        write_arrays(out / f"update-{number}.safetensors", arrays)
        write_json(out / f"update-{number}.json", update.metrics[METRICS])


def _first_task(problem: Problem, arrays: dict[str, np.ndarray]) -> Records:
    config: dict[str, float | int] = {"server-round": 1}
    if PROXIMAL_KEY in problem.strategy.spec.sends_config:
        config[PROXIMAL_KEY] = problem.strategy.parameters["proximal_mu"]
    return Records(
        arrays={ARRAYS: {name: ArrayBytes.from_numpy(array) for name, array in arrays.items()}},
        config={CONFIG: dict(config)},
        order=[ARRAYS, CONFIG],
    )
