"""Make model.keras, the untrained model of this example: ``python make_model.py``."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

FOLDER = Path(__file__).parent
SEED = 1998


def build() -> keras.Model:
    """Return the compiled model: two convolutions, and a probability for each digit."""
    keras.utils.set_random_seed(SEED)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            keras.layers.Rescaling(1 / 240, name="to_one"),
            keras.layers.Conv2D(16, 3, activation="relu", name="strokes"),
            keras.layers.Conv2D(32, 3, activation="relu", name="shapes"),
            keras.layers.Flatten(name="flat"),
            keras.layers.Dense(10, activation="softmax", name="digit"),
        ],
        name="digits",
    )
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    build().save(FOLDER / "model.keras")
