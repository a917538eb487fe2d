"""What a holder's data costs: the check against pandas' fastest reader, and memory of both."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fedota_proto.data_format import Column, TableFormat

GB = 1_000_000_000
RATIO_BYTES = 1 * GB
CHECKED_BYTES = 5 * GB
TRAINED_BYTES = 20 * GB
NUMBERS = 12
_ROWS = 50_000
TABLE = TableFormat(
    2,
    (
        *(Column(f"c{n}", "number", minimum=-10, maximum=10) for n in range(NUMBERS)),
        Column("y", "category", allowed=("a", "b"), target=True),
    ),
)


def check_ratio(size_bytes: int = RATIO_BYTES, times: int = 3) -> float:
    """Measure the check's time over that of pandas' fastest reader, for the same file.

    The machine is noisy: the best of several of each, taken in turn.
    """
    with _table(size_bytes) as path:
        pairs = [
            (_run("check", path)["seconds"], _run("pandas", path)["seconds"]) for _ in range(times)
        ]
    return min(check for check, _ in pairs) / min(pandas for _, pandas in pairs)


def check_peak_mb(size_bytes: int = CHECKED_BYTES) -> float:
    """Measure the peak memory of a process that checks a table."""
    with _table(size_bytes) as path:
        return _run("check", path)["peak_mb"]


def train_growth_mb(size_bytes: int = TRAINED_BYTES) -> float:
    """Measure how far training on a table takes memory beyond training on a small one."""
    with _table(1_000_000) as path:
        small_mb = _run("train", path)["peak_mb"]
    with _table(size_bytes) as path:
        return _run("train", path)["peak_mb"] - small_mb


def write_table(path: Path, size_bytes: int) -> None:
    """Write rows up to a size: the same many thousands again and again, each with its own number.

    So no two rows are alike, and writing takes no longer than the disk.
    """
    random = np.random.default_rng(1)
    values = random.normal(0, 2, (_ROWS, NUMBERS - 1)).clip(-10, 10).round(4)
    rows = [f",{','.join(map(str, row))},{'ab'[n % 2]}\n" for n, row in enumerate(values.tolist())]
    scale = 10 / (1 << 40)
    with path.open("w") as file:
        written = file.write(",".join(column.name for column in TABLE.columns) + "\n")
        number = 0
        while written < size_bytes:
            block = "".join(f"{(number + n) * scale:.12f}{row}" for n, row in enumerate(rows))
            written += file.write(block)
            number += len(rows)


@contextmanager
def _table(size_bytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="fedota-bench-") as folder:
        path = Path(folder) / "table.csv"
        write_table(path, size_bytes)
        yield path


def _run(what: str, path: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.data", what, str(path)],
        capture_output=True,
        text=True,
        check=True,
        timeout=7_200,
    )
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _check(path: Path) -> None:
    from fedota_client.check.running import check_data

    assert check_data(path, TABLE).kept


def _pandas(path: Path) -> None:
    import pandas as pd

    pd.read_csv(path, engine="pyarrow")


def _train(path: Path) -> None:
    from fedota_client.data.reading import read_split
    from fedota_client.keras_environment import WorkerSettings, import_keras_model
    from fedota_client.model_inputs import InputLayout

    keras_model = import_keras_model(WorkerSettings())
    import keras

    from fedota_client.keras_model import TrainingPlan

    made = keras.Sequential([keras.Input((NUMBERS,)), keras.layers.Dense(2, activation="softmax")])
    made.compile("sgd", "sparse_categorical_crossentropy")
    with tempfile.TemporaryDirectory(prefix="fedota-bench-") as folder:
        made.save(Path(folder) / "model.keras")
        model = keras_model.load(Path(folder) / "model.keras")
    split = read_split(path, TABLE, 0.2, scratch=path.parent)
    layout = InputLayout(TABLE, model.inputs, model.outputs)
    model.train(*layout.arrange(split.train), TrainingPlan(1, 1_024, seed=1))
    model.evaluate(*layout.arrange(split.held_out))


_WORK: dict[str, Callable[[Path], None]] = {"check": _check, "pandas": _pandas, "train": _train}


def main(what: str, path: str) -> None:
    """Do one thing in this process and write what it took."""
    began = time.perf_counter()
    _WORK[what](Path(path))
    seconds = time.perf_counter() - began
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    sys.stdout.write(json.dumps({"seconds": seconds, "peak_mb": peak_mb}))


if __name__ == "__main__":
    main(*sys.argv[1:])
