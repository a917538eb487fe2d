"""Tasks of a published problem: a Keras model trained and evaluated on the holder's data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fedota_client.data.reading import read_split
from fedota_client.data.splitting import Split
from fedota_client.failures import TaskFailedError
from fedota_client.keras_environment import WorkerSettings, import_keras_model
from fedota_client.model_inputs import InputLayout
from fedota_client.shared_metrics import ShareMetrics
from fedota_client.worker.tasks import Progress, Task, task_seed
from fedota_proto.errors import FolderError, ModelFileError, StreamError
from fedota_proto.manifest import Manifest
from fedota_proto.model_file import check_model_file
from fedota_proto.problem import Problem, parse_problem
from fedota_proto.records import ArrayBytes, Records, npy_view
from fedota_proto.units import size_words

if TYPE_CHECKING:
    from fedota_client.keras_model import KerasModel
    from fedota_client.noise.guard import UpdateGuard

ARRAYS, METRICS, CONFIG = "arrays", "metrics", "config"
WEIGHT_KEY = "num-examples"
PROXIMAL_KEY = "proximal-mu"
LOSS = "loss"


class KerasTasks:
    """Trains on a holder's examples and evaluates on those held out.

    Parameters
    ----------
    problem
        As published.
    manifest
        Of the problem's model: order of the arrays, names of the metrics.
    model
        Loaded and compiled.
    examples
        The holder's, on both sides.
    share
        How exactly weight and metrics are told.
    guard
        Clips and noises what leaves, with the account of its cost; None leaves it as it is.

    Raises
    ------
    ModelFileError
        If model, manifest and format do not go together.
    """

    names_updates = True

    def __init__(
        self,
        problem: Problem,
        manifest: Manifest,
        model: KerasModel,
        examples: Split,
        *,
        share: ShareMetrics = ShareMetrics.EXACT,
        guard: UpdateGuard | None = None,
    ) -> None:
        if set(model.array_specs()) != set(manifest.arrays):
            raise ModelFileError(
                "The model's file and the problem's manifest do not describe the same arrays; "
                "the problem's setter must publish it again."
            )
        self._problem = problem
        self._manifest = manifest
        self._model = model
        self._share = share
        self._guard = guard
        self._aside: dict[str, Any] = {}
        layout = InputLayout(problem.data, model.inputs, model.outputs)
        self._train = layout.arrange(examples.train)
        self._holdout = layout.arrange(examples.held_out)
        self._counts = (len(examples.train), len(examples.held_out))
        try:
            model.warm_up(*self._train)
        except TaskFailedError as error:
            raise ModelFileError(_said_of_target(error.reason, problem)) from error

    @classmethod
    def load(cls, fields: Mapping[str, Any], settings: WorkerSettings) -> KerasTasks:
        """Load what a ``load`` frame names: the data first, which is quick to refuse.

        Parameters
        ----------
        fields
            ``model_path, manifest_path, problem_toml, data_dir``, and where they are given
            ``share_metrics, noise``.
        settings
            Of this process.

        Returns
        -------
        KerasTasks
            Ready, its steps compiled.

        Raises
        ------
        FedotaError
            Problem, manifest, data or model are refused.
        """
        problem = parse_problem(str(fields["problem_toml"]))
        manifest = read_manifest(Path(fields["manifest_path"]))
        model_path = Path(fields["model_path"])
        examples = read_split(
            Path(fields["data_dir"]),
            problem.data,
            problem.training.holdout_fraction,
            scratch=model_path.parent,
            memory_bytes=round(settings.examples_mb * 1e6),
        )
        check_model_file(model_path)  # also before Keras is imported, which takes seconds
        model = import_keras_model(settings).load(model_path)
        return cls(
            problem,
            manifest,
            model,
            examples,
            share=ShareMetrics(fields.get("share_metrics", ShareMetrics.EXACT)),
            guard=_guard(fields.get("noise")),
        )

    def loaded(self) -> dict[str, Any]:
        """Return the fields of the ``loaded`` frame."""
        train, held_out = self._counts
        return {
            "examples": train + held_out,
            "train_examples": train,
            "holdout_examples": held_out,
            "details": f"{len(self._manifest.arrays)} arrays, "
            f"{size_words(self._manifest.size_bytes)}, optimizer "
            f"{self._manifest.optimizer.get('name', '')}, loss {self._manifest.loss}",
        }

    def aside(self) -> dict[str, Any]:
        """Return what the last update cost in privacy, where noise was added."""
        return self._aside

    def run(self, task: Task, records: Records, progress: Progress) -> Records:
        """Do one task.

        Parameters
        ----------
        task
            Of type ``train`` or ``evaluate``.
        records
            ``arrays``, and for training ``config``.
        progress
            Told of each batch.

        Returns
        -------
        Records
            ``arrays`` (after training) and ``metrics``.

        Raises
        ------
        TaskFailedError
            If the task brings no update.
        """
        if task.message_type not in ("train", "evaluate"):
            raise TaskFailedError(
                "message-type", f"A published problem has no tasks of type {task.message_type!r}."
            )
        self._aside = {}
        received = _received(records)
        self._model.set_arrays(received)
        if task.message_type == "evaluate":
            return self._evaluated(progress)
        return self._trained(task, records, received, progress)

    def _trained(
        self,
        task: Task,
        records: Records,
        received: Mapping[str, np.ndarray],
        progress: Progress,
    ) -> Records:
        from fedota_client.keras_model import TrainingPlan

        rules = self._problem.training
        plan = TrainingPlan(
            epochs=rules.local_epochs,
            batch_size=rules.batch_size,
            seed=task_seed(rules.seed, task.server_round, task.node_id),
            proximal_mu=_proximal_mu(records),
        )
        progress.epochs = plan.epochs
        before = {}
        if self._problem.strategy.spec.needs_loss:
            # QFedAvg weighs a holder by F_k(w^t), the loss of the model as it was received
            # (Li et al., ICLR 2020, arXiv:1905.10497, algorithm 2), and not as it was trained.
            before[LOSS] = self._model.evaluate(*self._train, on_batch=progress)[LOSS]
        results = {**self._model.train(*self._train, plan, progress), **before}
        arrays = self._model.arrays()
        if self._guard is not None:
            trainable = self._manifest.trainable_names
            arrays, spent = self._guard.apply(received, arrays, trainable)
            self._aside = {"privacy": spent.fields()}
        return Records(
            arrays={ARRAYS: {n: ArrayBytes.from_numpy(arrays[n]) for n in self._manifest.names}},
            metrics={METRICS: self._metrics(self._counts[0], results)},
            order=[ARRAYS, METRICS],
        )

    def _evaluated(self, progress: Progress) -> Records:
        count = self._counts[1]
        if count == 0:
            raise TaskFailedError(
                "no-holdout", "There is no held-out example here to evaluate the model on."
            )
        results = self._model.evaluate(*self._holdout, on_batch=progress)
        return Records(metrics={METRICS: self._metrics(count, results)}, order=[METRICS])

    def _metrics(self, count: int, results: Mapping[str, float]) -> dict[str, Any]:
        declared = {name: results[name] for name in self._manifest.metrics if name in results}
        return {WEIGHT_KEY: self._share.weight(count), **self._share.metrics(declared)}


def _guard(fields: Mapping[str, Any] | None) -> UpdateGuard | None:
    if not fields:
        return None
    from fedota_client.noise.guard import UpdateGuard

    return UpdateGuard.load(fields)


def _said_of_target(reason: str, problem: Problem) -> str:
    if not problem.data.classes:
        return reason
    return (
        f"{reason} The target {problem.data.target_names[0]!r} is given as the index of its value "
        "in the declared list: a model with an output for each class needs a sparse loss and "
        "sparse metrics, as sparse_categorical_crossentropy."
    )


def read_manifest(path: Path) -> Manifest:
    """Read a problem's manifest.

    Raises
    ------
    FolderError
        If the file cannot be read.
    ModelFileError
        If it is damaged.
    """
    try:
        return Manifest.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"The model's manifest {path} cannot be read: {error}.") from error


def _received(records: Records) -> dict[str, np.ndarray]:
    arrays = records.arrays.get(ARRAYS)
    if arrays is None:
        raise TaskFailedError("arrays", "The task brought no arrays for the model.")
    try:
        return {name: npy_view(array) for name, array in arrays.items()}
    except StreamError as error:
        raise TaskFailedError("arrays", error.public_message) from error


def _proximal_mu(records: Records) -> float:
    value = records.config.get(CONFIG, {}).get(PROXIMAL_KEY, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0
