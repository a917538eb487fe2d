"""Measures what data costs in memory: ``python -m support.data_memory WHAT FOLDER``.

Everything that bounds memory is set to a hundredth, as is the data; one small pass comes first, so
that only what grows with the data is measured. Prints the growth of the peak in bytes, as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fedota_client.check.running import check_data
from fedota_client.data import csv_file, spool
from fedota_client.data.reading import read_split
from fedota_client.data.repeats import SampledRepeats
from fedota_client.keras_environment import WorkerSettings, import_keras_model
from fedota_client.model_inputs import InputLayout
from fedota_proto.data_format import Column, ImagesFormat, TableFormat

COLUMNS = 10
TABLE = TableFormat(
    2,
    (
        *(Column(f"c{n}", "number", minimum=-10, maximum=10) for n in range(COLUMNS)),
        Column("y", "category", allowed=("a", "b"), target=True),
    ),
)
SIDE = 96
PICTURES = ImagesFormat(2, ("a", "b"), SIDE, SIDE, 3)


def write_table(path: Path, size_bytes: int) -> None:
    """Write rows of different numbers up to a size; they repeat after some megabytes."""
    random = np.random.default_rng(1)
    values = random.normal(0, 2, (20_000, COLUMNS)).clip(-10, 10).round(4)
    lines = [f"{','.join(map(str, row))},{'ab'[n % 2]}\n" for n, row in enumerate(values.tolist())]
    block = "".join(lines)
    with path.open("w") as file:
        file.write(",".join(column.name for column in TABLE.columns) + "\n")
        while file.tell() + len(block) < size_bytes:
            file.write(block)
        file.write(block[: block.rfind("\n", 0, max(1, size_bytes - file.tell())) + 1])


def write_pictures(folder: Path, size_bytes: int) -> None:
    """Write noise as PNG, which takes as much space as its pixels."""
    from PIL import Image

    random = np.random.default_rng(1)
    for number in range(max(4, size_bytes // (SIDE * SIDE * 3))):
        place = folder / "ab"[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        pixels = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        Image.fromarray(pixels).save(place / f"{number}.png", compress_level=0)


def check(folder: Path) -> None:
    """Check a folder's table."""
    assert check_data(folder, TABLE).kept


def trainer(model_file: Path, data_format: TableFormat | ImagesFormat) -> Callable[[Path], None]:
    """Load a model; return what reads a folder and trains and evaluates on it."""
    model = import_keras_model(WorkerSettings(threads=1)).load(model_file)
    from fedota_client.keras_model import TrainingPlan, batches

    batches.BATCH_BYTES //= 100
    batches.SHUFFLED_AT_ONCE //= 100

    def train(folder: Path) -> None:
        split = read_split(
            folder, data_format, 0.2, scratch=folder.parent, memory_bytes=spool.MEMORY_BYTES // 100
        )
        layout = InputLayout(data_format, model.inputs, model.outputs)
        batch_size = 8 if isinstance(data_format, ImagesFormat) else 2_048
        plan = TrainingPlan(epochs=1, batch_size=batch_size, seed=1)
        model.train(*layout.arrange(split.train), plan)
        model.evaluate(*layout.arrange(split.held_out))

    return train


def growth_bytes(work: Callable[[Path], None], small: Path, large: Path) -> int:
    """Measure by how much the peak of memory for a large folder is above that for a small one."""
    work(small)
    work(small)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _status("VmRSS")
    work(large)
    return _status("VmHWM") - before


def _status(key: str) -> int:
    text = Path("/proc/self/status").read_text()
    return int(text.partition(f"{key}:")[2].split()[0]) * 1024


def main(what: str, small: str, large: str, model: str = "") -> None:
    """Measure one kind of work."""
    csv_file.BLOCK_BYTES //= 100
    SampledRepeats._MOST //= 100
    data_format = PICTURES if what == "images" else TABLE
    work = check if what == "check" else trainer(Path(model), data_format)
    sys.stdout.write(json.dumps(growth_bytes(work, Path(small), Path(large))))


if __name__ == "__main__":
    main(*sys.argv[1:])
