"""Scores models with Keras alone, as somebody does who has never heard of Fedota.

``python -m support.plain_keras TEST.csv TARGET POSITIVE MODEL…`` prints a JSON object: loss and
accuracy by file name.
"""

from __future__ import annotations

import json
import os
import sys

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import pandas as pd


def main(test: str, target: str, positive: str, *models: str) -> None:
    """Load each model and evaluate it, by its own compilation, on the test file."""
    table = pd.read_csv(test)
    answers = (table.pop(target) == positive).to_numpy("float32")
    scores = {}
    for path in models:
        model = keras.models.load_model(path)
        scores[os.path.basename(path)] = model.evaluate(
            table.to_numpy("float32"), answers, verbose=0, return_dict=True
        )
    sys.stdout.write(json.dumps(scores))


if __name__ == "__main__":
    main(*sys.argv[1:])
