"""A process with Keras in it, which tests send to work: ``python -m support.keras_lab``.

One line of JSON in, one line of JSON out. ``{"make": NAME, "out": PATH}`` saves one of `MODELS`;
``{"job": NAME, "arguments": […]}`` runs a job; ``{"walk": PATH}`` compares the names that the
client gives to a model's variables with what the file holds; ``{"predict": PATH, "inputs": […]}``
asks plain Keras for a model's one output of each example; ``{"quote": TEXT}`` lets TensorFlow
fail with a text while it computes. The answer holds ``error`` (code and sentence) where a
`FedotaError` was raised, ``exit`` where the command line was refused.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from fedota_client.failures import TaskFailedError
from fedota_proto.errors import FedotaError
from fedota_proto.model_file import read_weights

MODELS: dict[str, Callable[[Any], Any]] = {}


def model(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Add a model to those that the lab makes, under its function's name."""
    MODELS[make.__name__] = make
    return make


@model
def line(keras: Any) -> Any:
    """One number from two, by plain gradient descent; every step can be done by hand."""
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, kernel_initializer="ones")])
    made.compile(keras.optimizers.SGD(0.1), "mse")
    return made


@model
def restless(keras: Any) -> Any:
    """Everything that may keep state or roll dice between tasks."""
    x = inputs = keras.Input((3,), name="numbers")
    scaling = keras.layers.Normalization()
    scaling.adapt(np.array([[0, 5, 1], [2, 7, 3]], dtype=np.float32))
    x = scaling(x)
    x = keras.layers.GaussianNoise(0.1)(x)
    x = keras.layers.Dense(8, activation="relu", kernel_regularizer="l2")(x)
    x = keras.layers.BatchNormalization()(x)
    x = x + keras.layers.Dense(8)(x)
    x = keras.layers.Dropout(0.5)(x)
    made = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    made.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.ExponentialDecay(0.01, 2, 0.9)),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", keras.metrics.F1Score()],
    )
    made.optimizer.build(made.trainable_variables)
    return made


@model
def named(keras: Any) -> Any:
    """One input for each column, one of them a category that is embedded."""
    age = keras.Input((1,), name="age")
    place = keras.Input((), name="place", dtype="int32")
    x = keras.layers.Concatenate()([age, keras.layers.Embedding(3, 2)(place)])
    made = keras.Model({"place": place, "age": age}, keras.layers.Dense(1)(x))
    made.compile("sgd", "mae")
    return made


@model
def nested(keras: Any) -> Any:
    """Layers within layers, whose variables lie deep in the file."""
    layers = keras.layers
    inputs = keras.Input((4, 6))
    inner = keras.Sequential([keras.Input((4, 6)), layers.TimeDistributed(layers.Dense(3))])
    x = layers.MultiHeadAttention(2, 2)(inputs, inputs)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    x = layers.GlobalAveragePooling1D()(inner(x))
    frozen = layers.Dense(2, trainable=False)
    made = keras.Model(inputs, layers.Dense(1)(frozen(x)))
    made.compile("sgd", "mse")
    return made


@model
def mixed(keras: Any) -> Any:
    """A text and two numbers in, a class and a number out."""
    layers = keras.layers
    words = layers.TextVectorization(output_sequence_length=6, vocabulary=["good", "bad", "day"])
    note = keras.Input((1,), dtype="string", name="note")
    numbers = keras.Input((2,), name="numbers")
    x = layers.GlobalAveragePooling1D()(layers.Embedding(5, 4)(words(note)))
    x = layers.Dense(6, activation="relu")(layers.Concatenate()([x, numbers]))
    outputs = {
        "kind": layers.Dense(3, activation="softmax", name="kind")(x),
        "size": layers.Dense(1, name="size")(x),
    }
    made = keras.Model({"note": note, "numbers": numbers}, outputs)
    made.compile(
        keras.optimizers.SGD(0.1), {"kind": "sparse_categorical_crossentropy", "size": "mse"}
    )
    return made


@model
def two_arrays(keras: Any) -> Any:
    """A series and a mask in, a number out."""
    layers = keras.layers
    series = keras.Input((5, 2), name="series")
    mask = keras.Input((4,), name="mask")
    x = layers.Concatenate()([layers.Flatten()(series), mask])
    made = keras.Model([series, mask], layers.Dense(1)(x))
    made.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return made


@model
def wide(keras: Any) -> Any:
    """A class from ten numbers."""
    made = keras.Sequential([keras.Input((10,)), keras.layers.Dense(2, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


@model
def pixels(keras: Any) -> Any:
    """A class from a picture, with hardly any arithmetic."""
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((96, 96, 3)),
            layers.Rescaling(1 / 255),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    made.compile("sgd", "sparse_categorical_crossentropy")
    return made


@model
def shades(keras: Any) -> Any:
    """A class and a number from a small grey picture."""
    layers = keras.layers
    inputs = keras.Input((4, 5, 1))
    x = layers.GlobalAveragePooling2D()(layers.Rescaling(1 / 255)(inputs))
    outputs = {
        "shade": layers.Dense(2, activation="softmax", name="shade")(x),
        "light": layers.Dense(1, name="light")(x),
    }
    made = keras.Model(inputs, outputs)
    made.compile(
        keras.optimizers.SGD(0.3), {"shade": "sparse_categorical_crossentropy", "light": "mse"}
    )
    return made


@model
def light(keras: Any) -> Any:
    """A number from a small grey picture."""
    layers = keras.layers
    made = keras.Sequential(
        [
            keras.Input((4, 5, 1)),
            layers.Rescaling(1 / 255),
            layers.GlobalAveragePooling2D(),
            layers.Dense(1),
        ]
    )
    made.compile(keras.optimizers.SGD(0.3), "mse")
    return made


@model
def frozen(keras: Any) -> Any:
    """Nothing to train."""
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, trainable=False)])
    made.compile("sgd", "mse")
    return made


@model
def mismatched(keras: Any) -> Any:
    """A loss that its output does not fit."""
    made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    made.compile(
        "sgd", "kl_divergence", metrics=[keras.metrics.AUC(num_labels=7, multi_label=True)]
    )
    return made


class KerasLab:
    """The test's side: starts the process, asks it, ends it."""

    def __init__(self, env: dict[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "support.keras_lab"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=env,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=30)

    def ask(self, **request: Any) -> dict[str, Any]:
        """Let the lab do one thing."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the lab died of {request}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def make(self, name: str, out: Path) -> Path:
        """Save one of `MODELS`."""
        assert self.ask(make=name, out=str(out)) == {}
        return out

    def predict(self, model: Path, inputs: list[list[float]]) -> list[float]:
        """Return what plain Keras says of each example: one number."""
        said: list[float] = self.ask(predict=str(model), inputs=inputs)["said"]
        return said

    def job(self, name: str, *arguments: str | Path) -> dict[str, Any]:
        """Run a job; the answer is empty if it succeeds."""
        return self.ask(job=name, arguments=[str(argument) for argument in arguments])


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Do one thing."""
    if "job" in request:
        module = importlib.import_module(f"fedota_client.jobs.{request['job']}")
        try:
            code = module.main(request["arguments"])
        except FedotaError as error:
            return {"error": [error.code, error.public_message]}
        except SystemExit as end:
            return {"exit": end.code}
        return {} if code == 0 else {"exit": code}
    import keras

    if "make" in request:
        keras.utils.set_random_seed(3)
        MODELS[request["make"]](keras).save(request["out"])
        return {}
    if "predict" in request:
        model = keras.models.load_model(request["predict"])
        said = model.predict(np.array(request["inputs"], "float32"), verbose=0)
        return {"said": said[:, 0].tolist()}
    if "quote" in request:
        import tensorflow as tf

        from fedota_client.keras_model.errors import translated

        try:
            with translated():
                raise tf.errors.InvalidArgumentError(None, None, request["quote"])
        except TaskFailedError as error:
            return {"reason": error.reason}
    from fedota_client.keras_model.saved_state import walk_saved_state

    loaded = keras.models.load_model(request["walk"], compile=False)
    stored = read_weights(Path(request["walk"]))
    found, _ = walk_saved_state(loaded)
    same = [n for n in stored if n in found and np.array_equal(found[n].numpy(), stored[n])]
    return {"stored": sorted(stored), "same": sorted(same)}


def main() -> None:
    """Answer until standard input ends; what jobs print goes to standard error."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for text in sys.stdin:
        out.write(json.dumps(answer(json.loads(text))) + "\n")


if __name__ == "__main__":
    main()
