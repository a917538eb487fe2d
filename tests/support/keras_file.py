"""A .keras file made with zipfile, json and h5py alone, of which a test spoils one thing."""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Member = tuple[str | zipfile.ZipInfo, bytes]
FLOAT32 = {
    "module": "keras",
    "class_name": "DTypePolicy",
    "config": {"name": "float32"},
    "registered_name": None,
}


def keras_object(module: str, class_name: str, /, **config: Any) -> dict[str, Any]:
    """Write an object as Keras does."""
    return {
        "module": module,
        "class_name": class_name,
        "config": config,
        "registered_name": None,
    }


def layer(class_name: str, name: str, /, **config: Any) -> dict[str, Any]:
    """Write one of Keras's layers as Keras does."""
    return keras_object("keras.layers", class_name, name=name, trainable=True, **config)


def dense(name: str, units: int, /, **config: Any) -> dict[str, Any]:
    """Write a Dense layer as Keras does."""
    return layer(
        "Dense",
        name,
        **{
            "dtype": FLOAT32,
            "units": units,
            "activation": "relu",
            "use_bias": True,
            "kernel_initializer": keras_object("keras.initializers", "GlorotUniform", seed=None),
            "bias_initializer": keras_object("keras.initializers", "Zeros"),
            **config,
        },
    )


ADAM = keras_object("keras.optimizers", "Adam", name="adam", learning_rate=0.001)
COMPILED = {
    "optimizer": ADAM,
    "loss": "binary_crossentropy",
    "loss_weights": None,
    "metrics": ["accuracy"],
    "weighted_metrics": None,
    "run_eagerly": False,
    "steps_per_execution": 1,
    "jit_compile": False,
}
INPUT = keras_object(
    "keras.layers", "InputLayer", batch_shape=[None, 4], dtype="float32", name="input_layer"
)
ARRAYS = {
    "layers/dense/vars/0": np.arange(12, dtype="<f4").reshape(4, 3),
    "layers/dense/vars/1": np.arange(3, dtype="<f4"),
    "layers/dense_1/vars/0": np.arange(3, dtype="<f4").reshape(3, 1),
    "layers/dense_1/vars/1": np.arange(1, dtype="<f4"),
}


class KerasFile:
    """A small compiled Sequential model; its parts may be changed before `write`.

    Attributes
    ----------
    config
        config.json.
    weights
        Every array of model.weights.h5 by path.
    spoil
        Called with the open HDF5 file at its end.
    members
        Further members of the zip, written last.
    replaced
        Bytes of a member instead of its own; None leaves it out.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "model.keras"
        self.config: dict[str, Any] = keras_object(
            "keras",
            "Sequential",
            name="sequential",
            trainable=True,
            layers=[copy.deepcopy(INPUT), dense("dense", 3), dense("out", 1, activation="sigmoid")],
            build_input_shape=[None, 4],
        )
        self.config["compile_config"] = copy.deepcopy(COMPILED)
        self.weights: dict[str, np.ndarray] = {
            **ARRAYS,
            "optimizer/vars/0": np.array(0, dtype="<i8"),
            "optimizer/vars/1": np.array(0.001, dtype="<f4"),
        }
        self.spoil: Callable[[Any], None] = lambda file: None
        self.members: list[Member] = []
        self.replaced: dict[str, bytes | None] = {}
        self.compression = zipfile.ZIP_STORED

    @property
    def layers(self) -> list[dict[str, Any]]:
        """The layers of the configuration."""
        found: list[dict[str, Any]] = self.config["config"]["layers"]
        return found

    def add_layer(self, entry: dict[str, Any]) -> None:
        """Put a layer between the two dense ones."""
        self.layers.insert(2, entry)

    def write(self) -> Path:
        """Write the file and return its path."""
        own: list[Member] = [
            ("metadata.json", json.dumps({"keras_version": "3.15.1"}).encode()),
            ("config.json", json.dumps(self.config).encode()),
            ("model.weights.h5", self.hdf5()),
        ]
        with zipfile.ZipFile(self.path, "w", self.compression) as packed:
            for name, data in own:
                replacement = self.replaced.get(str(name), data)
                if replacement is not None:
                    packed.writestr(name, replacement)
            for member, data in self.members:
                packed.writestr(member, data)
        return self.path

    def hdf5(self) -> bytes:
        """Write model.weights.h5."""
        buffer = io.BytesIO()
        with h5py.File(buffer, "w") as file:
            for name, values in self.weights.items():
                file[name] = values
                file[name].parent.attrs["name"] = name.split("/")[-3] if "/" in name else name
            self.spoil(file)
        return buffer.getvalue()
