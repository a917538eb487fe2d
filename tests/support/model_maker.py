"""Makes a small compiled Keras model and inspects it: ``python -m support.model_maker OUT``."""

from __future__ import annotations

import sys
from pathlib import Path

from fedota_client.jobs import inspect


def main(out: Path) -> None:
    """Write ``model.keras``, and what the inspect job makes of it, into a folder."""
    import keras

    keras.utils.set_random_seed(7)
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="sgd", loss="binary_crossentropy", metrics=["accuracy"])
    model.save(out / "model.keras")
    inspect.main(["--model", str(out / "model.keras"), "--out", str(out / "inspected")])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
