"""Make model.keras, the untrained model of this example: ``python make_model.py``.

The first layer scales every measurement from its declared range in problem.toml to [-1, 1]. Scaling
is a layer of the model, with constants that everyone may know, and never computed from one
hospital's data.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

FOLDER = Path(__file__).parent
SEED = 1995


def declared_ranges() -> tuple[list[float], list[float]]:
    """Return minimum and maximum of each column that is not the target, in declared order."""
    problem = tomllib.loads((FOLDER / "problem.toml").read_text(encoding="utf-8"))
    columns = [c for c in problem["data"]["columns"] if not c.get("target", False)]
    return [c["minimum"] for c in columns], [c["maximum"] for c in columns]


def build() -> keras.Model:
    """Return the compiled model: scaling, 16 rectified units, the probability of malignancy."""
    keras.utils.set_random_seed(SEED)
    minimum, maximum = declared_ranges()
    scale = [2 / (high - low) for low, high in zip(minimum, maximum, strict=True)]
    offset = [-1 - low * factor for low, factor in zip(minimum, scale, strict=True)]
    model = keras.Sequential(
        [
            keras.Input((len(scale),), name="measurements"),
            keras.layers.Rescaling(scale, offset, name="to_declared_range"),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dense(1, activation="sigmoid", name="malignant"),
        ],
        name="breast_cancer",
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    build().save(FOLDER / "model.keras")
