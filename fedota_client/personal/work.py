"""From a shared model and a folder of data to a model of one's own and a report."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedota_client.data.reading import read_split
from fedota_client.declared_fields import target_classes
from fedota_client.keras_environment import WorkerSettings, import_keras_model
from fedota_client.model_inputs import InputLayout
from fedota_client.personal.comparison import LOCAL, PERSONAL, SHARED, compare
from fedota_client.personal.halves import Parts, parts_of
from fedota_client.personal.measures import Answers
from fedota_client.personal.priors import absent_classes, unlikely
from fedota_client.personal.report import ReportFacts, report_html
from fedota_client.personal.target_answers import TargetAnswers, answers_of
from fedota_client.personal.tuning import Tuned, TuningRules, tune
from fedota_client.personal.words import summary
from fedota_proto.errors import FolderError
from fedota_proto.model_file import check_model_file, read_weights, write_weights
from fedota_proto.problem import Problem

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel

SHARED_FILE, PERSONAL_FILE, REPORT_FILE = "shared.keras", "personal.keras", "report.html"
_ALL_LAYERS = "all"

Say = Callable[..., None]


@dataclass(frozen=True, slots=True)
class PersonalTask:
    """What is to be done.

    Parameters
    ----------
    problem, problem_id, server_round
        The problem, and the round whose model is tuned.
    shared, initial
        The round's model, and the problem's as it was published.
    data
        The holder's folder.
    layers
        Which layers are tuned: ``all``, ``last``, or names with commas.
    """

    problem: Problem
    problem_id: str
    server_round: int
    shared: Path
    initial: Path
    data: Path
    layers: str = _ALL_LAYERS


def personalize(
    task: PersonalTask, rules: TuningRules, out: Path, settings: WorkerSettings, say: Say
) -> dict[str, Any]:
    """Tune, compare, choose, and write the three files.

    Parameters
    ----------
    task, rules
        What, and how.
    out
        An empty folder.
    settings
        Of this process.
    say
        Told what is done, with a stage and numbers.

    Returns
    -------
    dict
        The comparison as JSON fields.

    Raises
    ------
    FedotaError
        Models or data are refused, or there are too few examples.
    TaskFailedError
        Keras cannot train or evaluate the model on these data.
    """
    problem = task.problem
    say("reading")
    fraction = problem.training.holdout_fraction
    split = read_split(task.data, problem.data, fraction, scratch=out)
    parts = parts_of(split.train, split.held_out)
    for path in (task.shared, task.initial):
        check_model_file(path)  # also before Keras is imported: a refusal then takes no seconds
    keras_model = import_keras_model(settings)
    model = keras_model.load(task.shared, tune=task.layers)
    bench = _Bench(problem, model, parts)
    shared = read_weights(task.shared)
    answers = {SHARED: bench.answers(shared)}
    say("tuning", model=PERSONAL)
    begin, absent = bench.begin(shared)
    personal = bench.tuned(begin, rules, say, PERSONAL)
    answers[PERSONAL] = bench.answers(personal.arrays)
    before = bench.answers(begin)
    if before.choice.losses.mean() <= answers[PERSONAL].choice.losses.mean():
        # The examples set aside are among those that the shared model has seen: these are not.
        answers[PERSONAL], personal.arrays, personal.best_epoch = before, dict(begin), 0
    tuned = {PERSONAL: personal}
    say("tuning", model=LOCAL)
    if task.layers != _ALL_LAYERS:
        bench = _Bench(problem, keras_model.load(task.initial), parts)
    alone = replace(
        rules,
        ditto_lambda=0.0,
        rate_factor=1.0,
        epochs_max=max(rules.epochs_max, problem.rounds.rounds * problem.training.local_epochs),
    )
    tuned[LOCAL] = bench.tuned(read_weights(task.initial), alone, say, LOCAL)
    answers[LOCAL] = bench.answers(tuned[LOCAL].arrays)
    say("comparing")
    report = {name: one.report for name, one in answers.items()}
    comparison = compare({name: one.choice for name, one in answers.items()}, report)
    chosen = {SHARED: shared, **{name: one.arrays for name, one in tuned.items()}}
    facts = ReportFacts(
        title=problem.title,
        problem_id=task.problem_id,
        server_round=task.server_round,
        comparison=comparison,
        answers=report,
        tuned=tuned,
        rules=rules,
        layers=task.layers,
        targets=problem.data.target_names,
        train_examples=len(parts.train),
        absent=absent,
        made=datetime.now().astimezone(),
    )
    _write(out, task.shared, chosen[comparison.chosen], report_html(facts))
    return {**comparison.fields(), "summary": summary(comparison)}


@dataclass(frozen=True, slots=True)
class _Said:
    choice: Answers
    report: Answers


class _Bench:
    """One loaded model, tried with several weights on the same examples."""

    def __init__(self, problem: Problem, model: KerasModel, parts: Parts) -> None:
        self._problem = problem
        self._model = model
        self._layout = layout = InputLayout(problem.data, model.inputs, model.outputs)
        self._train = layout.arrange(parts.train)
        self._validation = layout.arrange(parts.validation)
        self._choice = layout.arrange(parts.choice)
        self._report = layout.arrange(parts.report)

    def answers(self, arrays: Mapping[str, np.ndarray]) -> _Said:
        """Ask the model with these weights about both halves."""
        self._model.set_arrays(arrays)
        return _Said(self._asked(self._choice), self._asked(self._report))

    def begin(
        self, shared: Mapping[str, np.ndarray]
    ) -> tuple[Mapping[str, np.ndarray], tuple[str, ...]]:
        """Return what tuning begins with, and the classes that it takes for unlikely."""
        classes = self._problem.data.classes
        bias = self._model.class_bias(len(classes)) if classes else ""
        if not bias:
            return shared, ()
        labels = np.concatenate(
            [np.asarray(one[1][0][:]) for one in (self._train, self._validation)]
        )
        absent = absent_classes(labels.reshape(-1), len(classes))
        if absent is None:
            return shared, ()
        return unlikely(shared, bias, absent), tuple(classes[index] for index in absent.indices)

    def tuned(
        self, arrays: Mapping[str, np.ndarray], rules: TuningRules, say: Say, name: str
    ) -> Tuned:
        """Tune the model from these weights."""
        self._model.set_arrays(arrays)
        self._model.scale_learning_rate(rules.rate_factor)

        def told(epoch: int, train: float, validation: float) -> None:
            say("epoch", model=name, epoch=epoch, loss=train, validation_loss=validation)

        try:
            return tune(self._model, self._train, self._validation, rules, told)
        finally:
            self._model.scale_learning_rate(1.0 / rules.rate_factor)

    def _asked(self, tensors: Any) -> Answers:
        inputs, targets = tensors
        losses = self._model.example_losses(inputs, targets)
        classes = target_classes(self._problem.data)
        found: dict[str, TargetAnswers] = {}
        outputs = self._model.predict(inputs)
        for said, true, names in zip(outputs, targets, self._layout.targets, strict=True):
            answers = answers_of(said, np.asarray(true[:]), names, classes)
            found |= {one.name: one for one in answers}
        return Answers(losses, tuple(found[name] for name in classes if name in found))


def _write(out: Path, shared: Path, chosen: Mapping[str, np.ndarray], report: str) -> None:
    try:
        shutil.copyfile(shared, out / SHARED_FILE)
        write_weights(shared, chosen, out / PERSONAL_FILE)
        (out / REPORT_FILE).write_text(report, encoding="utf-8")
    except OSError as error:
        raise FolderError(
            f"{out} cannot be written ({error.strerror}): check its owner and free space."
        ) from error
