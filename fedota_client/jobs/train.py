"""The job ``train``: plain training on given files, to compare a federated model with."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fedota_client.data.reading import read_examples
from fedota_client.data.splitting import split
from fedota_client.examples import Examples, joined
from fedota_client.jobs.files import write_json
from fedota_client.jobs.loading import failing_as, load_model
from fedota_client.model_inputs import InputLayout
from fedota_proto.model_file import write_weights
from fedota_proto.problem import Problem, read_problem

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel


def main(arguments: Sequence[str]) -> int:
    """Run ``train --problem DIR --data PATH … [--test PATH] [--epochs N] [--each] --out JSON``.

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
        Problem, model or data are refused, or do not go together.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job train", description=__doc__)
    parser.add_argument("--problem", type=Path, required=True, help="the problem's folder")
    parser.add_argument(
        "--data",
        type=Path,
        action="append",
        required=True,
        help="a folder of data or one file of it, any number of times",
    )
    parser.add_argument("--test", type=Path, help="folder or file; default: what clients hold out")
    parser.add_argument(
        "--epochs", type=int, help="default: as many as the problem's rounds make together"
    )
    parser.add_argument(
        "--each", action="store_true", help="train on each --data alone too, from the same start"
    )
    parser.add_argument("--out", type=Path, required=True, help="JSON file for the results")
    parser.add_argument("--model-out", type=Path, help=".keras file for the model trained on all")
    given = parser.parse_args(arguments)
    if given.epochs is not None and given.epochs < 1:
        parser.error("--epochs must be at least 1")
    train(
        given.problem,
        given.data,
        given.out,
        test=given.test,
        epochs=given.epochs,
        each=given.each,
        model_out=given.model_out,
    )
    return 0


def train(
    folder: Path,
    data: Sequence[Path],
    out: Path,
    *,
    test: Path | None = None,
    epochs: int | None = None,
    each: bool = False,
    model_out: Path | None = None,
) -> None:
    """Train on all data together, as one place that had it all would, and write the results.

    Parameters
    ----------
    folder
        The problem's.
    data
        One folder of data, or file of it, for each holder. What a client would hold out is not
        trained on here either.
    out
        JSON file for ``{"together": {"examples", "epochs", "metrics"}, "each": {path: the same}}``;
        examples are those trained on.
    test
        Folder or file to evaluate on; None: everything held out.
    epochs
        Passes over the examples; None: rounds × local epochs.
    each
        Train on each holder's data alone too, from the same start.
    model_out
        ``.keras`` file for the model trained on all data.

    Raises
    ------
    FedotaError
        Problem, model or data are refused, or do not go together.
    """
    problem = read_problem(folder)
    fraction = problem.training.holdout_fraction
    sides = [split(read_examples(place, problem.data, minimum=1), fraction) for place in data]
    parts = [one.train for one in sides]
    if test is not None:
        tested = read_examples(test, problem.data, minimum=1)
    else:
        tested = joined([one.held_out for one in sides])
    passes = epochs or problem.rounds.rounds * problem.training.local_epochs
    source = folder / problem.model_file
    trial = _Trial(problem, load_model(source), tested, passes)
    document: dict[str, Any] = {"together": trial.train(joined(parts))}
    if model_out is not None:
        write_weights(source, trial.model.arrays(), model_out)
    if each:
        document["each"] = {
            str(place): trial.train(part) for place, part in zip(data, parts, strict=True)
        }
    write_json(out, document)


class _Trial:
    """Trains a model from the same start as often as it is told."""

    def __init__(self, problem: Problem, model: KerasModel, tested: Examples, epochs: int) -> None:
        self.model = model
        self._problem = problem
        self._epochs = epochs
        self._start = model.arrays()
        self._layout = InputLayout(problem.data, model.inputs, model.outputs)
        self._tested = self._layout.arrange(tested)

    def train(self, examples: Examples) -> dict[str, Any]:
        from fedota_client.keras_model import TrainingPlan

        rules = self._problem.training
        plan = TrainingPlan(epochs=self._epochs, batch_size=rules.batch_size, seed=rules.seed)
        with failing_as("The model cannot be trained"):
            self.model.set_arrays(self._start)
            self.model.train(*self._layout.arrange(examples), plan)
            metrics = self.model.evaluate(*self._tested)
        return {"examples": len(examples), "epochs": self._epochs, "metrics": metrics}
