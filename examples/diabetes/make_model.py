"""Make model.keras, the untrained model of this example: ``python make_model.py``.

Its first layer scales every measurement from its declared range to [-1, 1], its last one scales
back to the range of the target: constants that everyone may know, from problem.toml alone.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

FOLDER = Path(__file__).parent
SEED = 2004


def declared_ranges() -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """Return the range of each column that is not the target, in declared order; and its own."""
    problem = tomllib.loads((FOLDER / "problem.toml").read_text(encoding="utf-8"))
    inputs, target = [], (0.0, 1.0)
    for column in problem["data"]["columns"]:
        # A category becomes the index of its value.
        low = column.get("minimum", 0)
        high = column.get("maximum", len(column.get("allowed", "12")) - 1)
        if column.get("target", False):
            target = (low, high)
        else:
            inputs.append((low, high))
    return inputs, target


def build() -> keras.Model:
    """Return the compiled model: scaling, 16 rectified units, the progression of the disease."""
    keras.utils.set_random_seed(SEED)
    inputs, (lowest, highest) = declared_ranges()
    scale = [2 / (high - low) for low, high in inputs]
    offset = [-1 - low * factor for (low, _), factor in zip(inputs, scale, strict=True)]
    half = (highest - lowest) / 2
    model = keras.Sequential(
        [
            keras.Input((len(scale),), name="measurements"),
            keras.layers.Rescaling(scale, offset, name="to_declared_range"),
            keras.layers.Dense(16, activation="relu", name="hidden"),
            keras.layers.Dense(1, name="scaled"),
            keras.layers.Rescaling(half, lowest + half, name="progression"),
        ],
        name="diabetes",
    )
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="mse", metrics=["mae"])
    return model


if __name__ == "__main__":
    build().save(FOLDER / "model.keras")
