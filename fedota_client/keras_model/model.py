"""A Keras model that does one task after another."""

from __future__ import annotations

import json
import math
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fedota_client.examples import Values
from fedota_client.failures import TaskFailedError
from fedota_client.keras_model.batches import (
    evaluation_batch,
    in_order,
    read_batches,
    shuffled,
)
from fedota_client.keras_model.errors import KERAS_ERRORS, first_line, translated
from fedota_client.keras_model.freezing import ALL_LAYERS, freeze_all_but
from fedota_client.keras_model.saved_state import walk_saved_state
from fedota_client.keras_model.steps import Steps
from fedota_client.keras_model.summary import (
    blank_batch,
    layer_table,
    loss_name,
    named_tensors,
    optimizer_summary,
)
from fedota_proto.errors import ModelFileError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.model_file import ModelLimits, check_model_file

WEIGHTS_ROOT = "layers/"
SEED_STATE = "seed_generator_state"
EVALUATION_BATCH = 256
OPEN_DIMENSION = 8

OnBatch = Callable[[int, int, int, Any], None]
OnEpoch = Callable[[int, dict[str, float]], bool]


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """How one task trains.

    Parameters
    ----------
    epochs
        Passes over the examples.
    batch_size
        Examples in a step.
    seed
        Of everything random in the task; at least 0.
    proximal_mu
        FedProx's μ; 0 trains without the proximal term.
    """

    epochs: int
    batch_size: int
    seed: int
    proximal_mu: float = 0.0


class KerasModel:
    """A loaded and compiled model, its arrays by the names of the ``.keras`` file.

    The training step is compiled once; every task sets the arrays, resets the optimizer's variables
    and the random states, and runs it. Not safe to use from two threads at once.

    Examples are given as one array ``(examples, …)`` per input and per output, or as what reads
    like one; texts are objects.

    Parameters
    ----------
    model
        Compiled and built.
    compile_config
        As in the file's config.json.
    """

    def __init__(self, model: Any, compile_config: Mapping[str, Any]) -> None:
        self._model = model
        self._compile_config = compile_config
        saved, objects = walk_saved_state(model)
        self._variables = {
            name: variable
            for name, variable in saved.items()
            if name.startswith(WEIGHTS_ROOT)
            and isinstance(variable, keras.Variable)
            and keras.backend.is_float_dtype(variable.dtype)
        }
        self._seed_states = [v for v in model.variables if v.name == SEED_STATE]
        self._note_optimizer_start()
        self.inputs = named_tensors(getattr(model, "input", None), model.inputs)
        self.outputs = named_tensors(getattr(model, "output", None), model.outputs)
        normalizations = [x for x in objects if isinstance(x, keras.layers.Normalization)]
        self._steps = Steps(model, self.inputs, self.outputs, normalizations)

    @classmethod
    def load(
        cls, path: Path, limits: ModelLimits | None = None, *, tune: str = ALL_LAYERS
    ) -> KerasModel:
        """Walk a ``.keras`` file against the allowlist, then load and compile it.

        Parameters
        ----------
        path
            The file; hostile until it has been walked.
        limits
            On its size; None takes the defaults.
        tune
            Which layers are trained, as `freeze_all_but` reads it.

        Returns
        -------
        KerasModel
            With the file's weights and a new optimizer.

        Raises
        ------
        ModelFileError
            If the walk refuses the file, or Keras cannot load it.
        """
        check_model_file(path, limits=limits or ModelLimits())
        tf.config.experimental.enable_op_determinism()
        keras.utils.set_random_seed(0)
        with zipfile.ZipFile(path) as archive:
            compile_config = json.loads(archive.read("config.json"))["compile_config"]
        try:
            # Without the optimizer's saved state: every task begins with a new one.
            model = keras.models.load_model(path, compile=False, safe_mode=True)
            freeze_all_but(model, tune)
            model.compile_from_config(compile_config)
        except (*KERAS_ERRORS, OSError) as error:
            raise ModelFileError(
                f"Keras {keras.__version__} cannot load {path.name}: {first_line(error)} "
                "Save it again with a Keras that is not newer than this one.",
                place=path.name,
            ) from error
        if not model.trainable_variables:
            raise ModelFileError(
                f"{path.name} has nothing to train: every layer is frozen or without weights. "
                "Set trainable = True on a layer and save it again.",
                place=path.name,
            )
        return cls(model, compile_config)

    def manifest(self) -> Manifest:
        """Say what the servers need to know of this model.

        Returns
        -------
        Manifest
            Arrays in the model's order; metrics are those whose result is one number.

        Raises
        ------
        ModelFileError
            If loss and metrics cannot be computed from the model's outputs.
        """
        return Manifest(
            arrays=self.array_specs(),
            loss=loss_name(self._compile_config.get("loss")),
            metrics=self._metric_names(),
            optimizer=optimizer_summary(self._compile_config.get("optimizer")),
            inputs=self.inputs,
        )

    def array_specs(self) -> tuple[ManifestArray, ...]:
        """Return name, dtype, shape and trainability of each federated array, in model order."""
        trainable = {id(variable) for variable in self._model.trainable_variables}
        return tuple(
            ManifestArray(name, v.dtype, tuple(v.shape), id(v) in trainable)
            for name, v in self._variables.items()
        )

    def layers(self) -> list[dict[str, Any]]:
        """List the layers, as `layer_table` does."""
        return layer_table(self._model)

    def set_arrays(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Make these the model's weights.

        Parameters
        ----------
        arrays
            Every federated array by name, in the model's dtypes and shapes.

        Raises
        ------
        TaskFailedError
            ``arrays``: names, a dtype or a shape differ; the model is then unchanged.
        """
        if arrays.keys() != self._variables.keys():
            odd = min(arrays.keys() ^ self._variables.keys())
            raise TaskFailedError(
                "arrays", f"The received arrays are not the model's: only one side has {odd}."
            )
        values = {}
        for name, variable in self._variables.items():
            value = arrays[name]
            if value.dtype.name != variable.dtype or value.shape != tuple(variable.shape):
                raise TaskFailedError(
                    "arrays",
                    f"The received {name} is {value.dtype.name} {value.shape}, "
                    f"the model's is {variable.dtype} {tuple(variable.shape)}.",
                )
            values[name] = value
        for name, value in values.items():
            self._variables[name].assign(value)
        self._steps.refresh_normalizations()

    def arrays(self) -> dict[str, np.ndarray]:
        """Return copies of the federated arrays by name, in the model's order."""
        return {name: np.array(v.numpy()) for name, v in self._variables.items()}

    def scale_learning_rate(self, factor: float) -> None:
        """Train with another learning rate from now on; one with a schedule stays as it is.

        Parameters
        ----------
        factor
            On the present rate.
        """
        rate = self._model.optimizer.learning_rate
        if isinstance(rate, keras.Variable):
            rate.assign(rate * factor)
            self._note_optimizer_start()

    def class_bias(self, classes: int) -> str:
        """Name the bias of an output layer that has one number for each class; empty if none does.

        Parameters
        ----------
        classes
            How many the target has.
        """
        layer = self._model.layers[-1]
        bias = getattr(layer, "bias", None)
        if (
            not isinstance(layer, keras.layers.Dense)
            or bias is None
            or tuple(bias.shape) != (classes,)
        ):
            return ""
        if layer.activation not in (keras.activations.softmax, keras.activations.linear):
            return ""
        return next((name for name, one in self._variables.items() if one is bias), "")

    def warm_up(self, inputs: Sequence[Values], targets: Sequence[Values]) -> None:
        """Compile the steps of training and evaluation.

        Parameters
        ----------
        inputs, targets
            At least one example.

        Raises
        ------
        TaskFailedError
            ``keras``: model, loss and data do not go together.
        """
        with translated():
            self._steps.build_metrics((*inputs, *targets))
            self._steps.compile((*inputs, *targets))
            self._steps.refresh_normalizations()

    def train(
        self,
        inputs: Sequence[Values],
        targets: Sequence[Values],
        plan: TrainingPlan,
        on_batch: OnBatch | None = None,
        on_epoch: OnEpoch | None = None,
    ) -> dict[str, float]:
        """Train from the present weights with a new optimizer.

        The same weights, examples and plan give the same weights, to the bit.

        Parameters
        ----------
        inputs, targets
            At least one example.
        plan
            How.
        on_batch
            Called after each step with epoch and batch (from 1), batches in an epoch, and the
            batch's loss as a tensor; what it raises ends the training.
        on_epoch
            Called after each epoch with its number and its loss and metrics; with False the
            training ends there. It may evaluate the model and read its arrays.

        Returns
        -------
        dict
            Loss and compiled metrics over the last epoch, without the proximal term.

        Raises
        ------
        TaskFailedError
            ``diverged``, ``out-of-memory`` or ``keras``.
        """
        tensors = (*inputs, *targets)
        examples = len(targets[0])
        batches = math.ceil(examples / plan.batch_size)
        order = np.random.default_rng(plan.seed)
        results: dict[str, float] = {}
        with translated():
            self._steps.build_metrics(tensors)
            self._reset(plan.seed)
            step = self._steps.training(plan.proximal_mu, tensors)
            for epoch in range(1, plan.epochs + 1):
                self._model.reset_metrics()
                chosen = shuffled(examples, plan.batch_size, order)
                read = read_batches(tensors, chosen, plan.batch_size)
                for batch, values in enumerate(read, start=1):
                    loss = step(*values)
                    if on_batch is not None:
                        on_batch(epoch, batch, batches, loss)
                if on_epoch is not None:
                    results = self._steps.results()
                    if not on_epoch(epoch, results):
                        break
            self._model.optimizer.finalize_variable_values(self._model.trainable_variables)
            if on_epoch is None:
                results = self._steps.results()
        if not math.isfinite(results["loss"]):
            raise TaskFailedError(
                "diverged",
                "The training diverged: its loss is no longer a number. "
                "A lower learning rate in the model's compilation helps.",
            )
        return results

    def evaluate(
        self,
        inputs: Sequence[Values],
        targets: Sequence[Values],
        on_batch: OnBatch | None = None,
    ) -> dict[str, float]:
        """Compute loss and compiled metrics over examples, changing nothing.

        Parameters
        ----------
        inputs, targets
            At least one example.
        on_batch
            As in `train`, the epoch being 1.

        Returns
        -------
        dict
            By name.

        Raises
        ------
        TaskFailedError
            ``out-of-memory`` or ``keras``.
        """
        tensors = (*inputs, *targets)
        size = evaluation_batch(tensors, EVALUATION_BATCH)
        batches = math.ceil(len(targets[0]) / size)
        with translated():
            self._steps.build_metrics(tensors)
            step = self._steps.evaluation(tensors)
            self._model.reset_metrics()
            read = read_batches(tensors, in_order(len(targets[0]), size), size)
            for batch, values in enumerate(read, start=1):
                loss = step(*values)
                if on_batch is not None:
                    on_batch(1, batch, batches, loss)
            return self._steps.results()

    def predict(self, inputs: Sequence[Values]) -> list[np.ndarray]:
        """Compute what the model says of examples.

        Parameters
        ----------
        inputs
            At least one example.

        Returns
        -------
        list of np.ndarray
            One ``(examples, …)`` per output.

        Raises
        ------
        TaskFailedError
            ``out-of-memory`` or ``keras``.
        """
        with translated():
            step = self._steps.prediction(inputs)
            size = evaluation_batch(inputs, EVALUATION_BATCH)
            batches = [
                [np.asarray(one) for one in tf.nest.flatten(step(*values))]
                for values in read_batches(inputs, in_order(len(inputs[0]), size), size)
            ]
        return [np.concatenate(parts) for parts in zip(*batches, strict=True)]

    def example_losses(self, inputs: Sequence[Values], targets: Sequence[Values]) -> np.ndarray:
        """Compute the loss of each example by itself, as `evaluate` does of all.

        Parameters
        ----------
        inputs, targets
            At least one example.

        Returns
        -------
        np.ndarray
            float64 ``(examples,)``.

        Raises
        ------
        TaskFailedError
            ``out-of-memory`` or ``keras``.
        """
        tensors = (*inputs, *targets)
        with translated():
            self._steps.build_metrics(tensors)
            step = self._steps.evaluation(tensors)
            read = read_batches(tensors, in_order(len(targets[0]), 1), 1)
            losses = [float(step(*values)) for values in read]
            self._model.reset_metrics()
        return np.asarray(losses)

    def _note_optimizer_start(self) -> None:
        self._optimizer_start = [
            (variable, value if value.any() else None)
            for variable in self._model.optimizer.variables
            for value in [np.asarray(variable.numpy())]
        ]

    def _reset(self, seed: int) -> None:
        for variable, value in self._optimizer_start:
            variable.assign(tf.zeros_like(variable.value) if value is None else value)
        numbers = np.random.SeedSequence(seed).generate_state(len(self._seed_states))
        for state, number in zip(self._seed_states, numbers, strict=True):
            state.assign(np.array([number >> 1, 0], dtype=state.dtype))

    def _metric_names(self) -> tuple[str, ...]:
        """Name the metrics by evaluating zeros against targets of a shape that the loss takes."""
        inputs = [blank_batch(one, OPEN_DIMENSION) for one in self.inputs]
        shapes = [
            tuple(OPEN_DIMENSION if n is None else n for n in one.shape) for one in self.outputs
        ]
        reason = ""
        for tried in (shapes, [(*shape[:-1], 1) for shape in shapes]):
            try:
                self._steps.build_metrics((*inputs, *(np.zeros((2, *s), "float32") for s in tried)))
                return tuple(self._steps.results())
            except KERAS_ERRORS as error:
                reason = reason or first_line(error)
        raise ModelFileError(
            f"Loss and metrics cannot be computed from the model's outputs: {reason} "
            "Compile it with a loss that fits them and save it again."
        )
