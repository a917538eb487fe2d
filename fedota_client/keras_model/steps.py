"""The compiled steps of a model: one of training, one of FedProx's training, one of evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from fedota_client.examples import Values
from fedota_proto.manifest import ManifestInput


class Steps:
    """Steps over batches, compiled once for all tasks.

    Weights, optimizer and metrics are variables of the graph, so that a task only assigns them.
    Batches are the model's inputs, then its targets, each ``(batch, …)``.

    Parameters
    ----------
    model
        Compiled and built.
    inputs, outputs
        Names and shapes in the model's order.
    normalizations
        The model's Normalization layers: they keep their statistics as constants, so every step
        lets them read their variables again.
    """

    def __init__(
        self,
        model: Any,
        inputs: Sequence[ManifestInput],
        outputs: Sequence[ManifestInput],
        normalizations: Sequence[Any],
    ) -> None:
        self._model = model
        self._inputs = inputs
        self._outputs = outputs
        self._normalizations = normalizations
        # A Sequential model has neither, and takes and returns one tensor.
        self._input_structure = getattr(model, "input", None)
        self._output_structure = getattr(model, "output", None)
        self._anchors: list[Any] = []
        self._compiled: dict[str, Any] = {}
        self._metrics_built = False

    def build_metrics(self, tensors: Sequence[Values]) -> None:
        """Let loss and metrics make their variables, which no compiled step may do.

        Parameters
        ----------
        tensors
            Inputs and targets; only their shapes and dtypes are looked at, so that no error that
            Keras raises here can quote an example.
        """
        if self._metrics_built:
            return
        self._evaluate(*(tf.zeros((2, *tensor.shape[1:]), tensor.dtype) for tensor in tensors))
        self._model.reset_metrics()
        self._metrics_built = True

    def compile(self, tensors: Sequence[Values]) -> None:
        """Compile the steps of plain training and of evaluation for tensors like these."""
        for kind in ("train", "evaluate"):
            self._step(kind, tensors).get_concrete_function()

    def training(self, proximal_mu: float, tensors: Sequence[Values]) -> Any:
        """Return the step of a task's training.

        Parameters
        ----------
        proximal_mu
            FedProx's μ; with more than 0 the present weights become w_global.
        tensors
            Inputs and targets like those of the batches.

        Returns
        -------
        callable
            Takes a batch, changes the weights, returns the batch's loss as a tensor.
        """
        if proximal_mu <= 0:
            return self._step("train", tensors)
        weights = self._model.trainable_variables
        if not self._anchors:
            self._anchors = [tf.Variable(weight.value, trainable=False) for weight in weights]
        for anchor, weight in zip(self._anchors, weights, strict=True):
            anchor.assign(weight.value)
        step, mu = self._step("proximal", tensors), tf.constant(proximal_mu, tf.float32)
        return lambda *batch: step(mu, *batch)

    def evaluation(self, tensors: Sequence[Values]) -> Any:
        """Return the step of an evaluation: takes a batch, returns its loss as a tensor."""
        return self._step("evaluate", tensors)

    def prediction(self, inputs: Sequence[Values]) -> Any:
        """Return the step of a prediction: takes a batch of inputs, returns outputs in order."""
        return self._step("predict", inputs)

    def results(self) -> dict[str, float]:
        """Return loss and compiled metrics since the last reset, those that are one number.

        Returns
        -------
        dict
            By name, the loss first.
        """
        results = {
            name: np.asarray(keras.ops.convert_to_numpy(value))
            for name, value in self._model.get_metrics_result().items()
        }
        return {name: float(value) for name, value in results.items() if value.ndim == 0}

    def _step(self, kind: str, tensors: Sequence[Values]) -> Any:
        if kind not in self._compiled:
            steps = {
                "train": self._train,
                "proximal": self._train_near,
                "evaluate": self._evaluate,
                "predict": self._predict,
            }
            signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in tensors]
            if kind == "proximal":
                signature.insert(0, tf.TensorSpec((), tf.float32))
            self._compiled[kind] = tf.function(
                steps[kind], input_signature=signature, autograph=False
            )
        return self._compiled[kind]

    def _train(self, *batch: Any) -> Any:
        return self._train_towards(lambda loss: loss, batch)

    def _train_near(self, mu: Any, *batch: Any) -> Any:
        """Minimise F(w) + μ/2 · ‖w − w_global‖².

        References
        ----------
        Li et al., Federated Optimization in Heterogeneous Networks, MLSys 2020, arXiv:1812.06127.
        """

        def objective(loss: Any) -> Any:
            distances = [
                tf.reduce_sum(tf.square(tf.cast(weight.value - anchor, tf.float32)))
                for weight, anchor in zip(
                    self._model.trainable_variables, self._anchors, strict=True
                )
            ]
            return loss + tf.cast(mu / 2 * tf.add_n(distances), loss.dtype)

        return self._train_towards(objective, batch)

    def _train_towards(self, objective: Any, batch: Sequence[Any]) -> Any:
        model, optimizer = self._model, self._model.optimizer
        self.refresh_normalizations()
        x, y = self._as_called(batch)
        with tf.GradientTape() as tape:
            predictions = model(x, training=True)
            loss = model.compute_loss(x, y, predictions, training=True)
            scaled = optimizer.scale_loss(objective(loss))
        weights = model.trainable_variables
        optimizer.apply(tape.gradient(scaled, weights), weights)
        self._update_metrics(x, y, predictions, loss)
        return loss

    def _evaluate(self, *batch: Any) -> Any:
        self.refresh_normalizations()
        x, y = self._as_called(batch)
        predictions = self._model(x, training=False)
        loss = self._model.compute_loss(x, y, predictions, training=False)
        self._update_metrics(x, y, predictions, loss)
        return loss

    def _predict(self, *batch: Any) -> Any:
        self.refresh_normalizations()
        said = self._model(_structured(batch, self._inputs, self._input_structure), training=False)
        # TensorFlow flattens a dict in the order of its keys, which need not be the model's.
        return [said[one.name] for one in self._outputs] if isinstance(said, dict) else said

    def _update_metrics(self, x: Any, y: Any, predictions: Any, loss: Any) -> None:
        tracker = next(metric for metric in self._model.metrics if metric.name == "loss")
        tracker.update_state(loss, sample_weight=tf.shape(tf.nest.flatten(x)[0])[0])
        self._model.compute_metrics(x, y, predictions)

    def refresh_normalizations(self) -> None:
        """Let Normalization layers read their statistics from their variables."""
        for layer in self._normalizations:
            layer.finalize_state()

    def _as_called(self, batch: Sequence[Any]) -> tuple[Any, Any]:
        """Give tensors the structures in which the model takes inputs and returns outputs."""
        count = len(self._inputs)
        return (
            _structured(batch[:count], self._inputs, self._input_structure),
            _structured(batch[count:], self._outputs, self._output_structure),
        )


def _structured(tensors: Sequence[Any], named: Sequence[ManifestInput], structure: Any) -> Any:
    if isinstance(structure, dict):
        return {one.name: tensor for one, tensor in zip(named, tensors, strict=True)}
    if isinstance(structure, list | tuple):
        return type(structure)(tensors)
    return tensors[0]
