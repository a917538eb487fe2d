"""The job ``personalize``: tune a shared model on a holder's data, compare, choose, report."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fedota_client.jobs.loading import failing_as
from fedota_client.keras_environment import WorkerSettings
from fedota_client.personal.tuning import TuningRules
from fedota_client.personal.work import PersonalTask, personalize
from fedota_proto.errors import FolderError
from fedota_proto.problem import parse_problem
from fedota_proto.settings_check import load_settings


def main(arguments: Sequence[str]) -> int:
    """Run ``personalize --problem TOML --shared M --initial M --data DIR --out DIR``.

    It writes one JSON object a line to standard output: ``{"stage": …}`` while it works, and
    ``{"result": …}`` at the end.

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
        Problem, models or data are refused, or do not go together.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job personalize", description=__doc__)
    parser.add_argument("--problem", type=Path, required=True, help="the problem.toml")
    parser.add_argument("--problem-id", default="", help="for the report")
    parser.add_argument("--round", type=int, default=0, help="of the shared model, for the report")
    parser.add_argument("--shared", type=Path, required=True, help="the shared model")
    parser.add_argument("--initial", type=Path, required=True, help="the model as published")
    parser.add_argument("--data", type=Path, required=True, help="the holder's folder")
    parser.add_argument("--out", type=Path, required=True, help="an empty folder")
    parser.add_argument("--layers", default="all", help="all, last, or names with commas")
    parser.add_argument("--epochs", type=int, default=50, help="most passes over the examples")
    parser.add_argument("--patience", type=int, default=5, help="epochs without betterment")
    parser.add_argument("--rate", type=float, default=0.1, help="on the learning rate")
    parser.add_argument("--ditto", type=float, default=0.0, help="λ of Ditto's proximal term")
    given = parser.parse_args(arguments)
    try:
        problem = parse_problem(given.problem.read_text(encoding="utf-8"))
    except OSError as error:
        raise FolderError(f"{given.problem} cannot be read ({error.strerror}).") from error
    task = PersonalTask(
        problem=problem,
        problem_id=given.problem_id,
        server_round=given.round,
        shared=given.shared,
        initial=given.initial,
        data=given.data,
        layers=given.layers,
    )
    rules = TuningRules(
        epochs_max=given.epochs,
        patience=given.patience,
        batch_size=problem.training.batch_size,
        seed=problem.training.seed,
        rate_factor=given.rate,
        ditto_lambda=given.ditto,
    )
    with failing_as("The model cannot be tuned on these data"):
        result = personalize(task, rules, given.out, load_settings(WorkerSettings), _say)
    _write({"result": result})
    return 0


def _say(stage: str, **fields: Any) -> None:
    _write({"stage": stage, **fields})


def _write(fields: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()
