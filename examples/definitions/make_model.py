"""Make model.keras, the untrained model of this example: ``python make_model.py``.

Its first layer makes numbers of words. The vocabulary lies in the model's file, is the same for
everyone, and was not computed from any publisher's texts.
"""

from __future__ import annotations

import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras

FOLDER = Path(__file__).parent
SEED = 1985
WORDS_SEEN = 24


def build() -> keras.Model:
    """Return the compiled model: words, their mean embedding, a probability for each class."""
    keras.utils.set_random_seed(SEED)
    vocabulary = (FOLDER / "source" / "vocabulary.txt").read_text(encoding="utf-8").split()
    words = keras.layers.TextVectorization(output_sequence_length=WORDS_SEEN, name="words")
    words.set_vocabulary(vocabulary)
    model = keras.Sequential(
        [
            keras.Input((1,), dtype="string", name="text"),
            words,
            keras.layers.Embedding(len(vocabulary) + 2, 16, mask_zero=True, name="meaning"),
            keras.layers.GlobalAveragePooling1D(name="mean"),
            keras.layers.Dense(4, activation="softmax", name="kind"),
        ],
        name="definitions",
    )
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=0.02),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


if __name__ == "__main__":
    build().save(FOLDER / "model.keras")
