"""What data costs in memory, at a hundredth of its size: 5 GB to check, 20 GB to train on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.data_memory import write_pictures, write_table
from support.keras_lab import KerasLab
from support.programs import environment, run_module

MB = 1_000_000
SMALL_BYTES = 2 * MB


def growth_mb(what: str, folder: Path, *model: Path) -> float:
    done = run_module(
        "support.data_memory", what, folder / "small", folder / "large", *model, timeout_s=300
    )
    return float(json.loads(done)) / MB


def both(folder: Path, write: Callable[[Path, int], None], size_bytes: int, name: str) -> Path:
    for place, size in (("small", SMALL_BYTES), ("large", size_bytes)):
        (folder / place).mkdir()
        write(folder / place / name, size)
    return folder


def test_a_table_is_checked_within_a_fifth_of_its_size(tmp_path: Path) -> None:
    folder = both(tmp_path, write_table, 50 * MB, "a.csv")
    assert growth_mb("check", folder) < 10


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("what", "model", "write", "name"),
    [
        ("table", "wide", write_table, "a.csv"),
        ("images", "pixels", write_pictures, "."),
    ],
)
def test_a_model_is_trained_within_a_tenth_of_the_datas_size(
    tmp_path: Path, what: str, model: str, write: Callable[[Path, int], None], name: str
) -> None:
    folder = both(tmp_path, write, 200 * MB, name)
    with KerasLab(environment()) as lab:
        made = lab.make(model, tmp_path / "model.keras")
    assert growth_mb(what, folder, made) < 20
