"""Make the data of this example: four hospitals' tables, split by tumour size, and a test table.

Run it with the packages of the extra ``dev``: ``python make_data.py``. It takes the Wisconsin
diagnostic data from the installed scikit-learn, so it needs no network, and writes the same files
every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

FOLDER = Path(__file__).parent / "data"
TEST_SHARE = 0.2
SEED = 1995
# Mean radius up to which a hospital sees a tumour; the last one sees all larger ones.
HOSPITALS = {"north": 12.5, "east": 14.0, "south": 16.0, "west": np.inf}


def load_table() -> pd.DataFrame:
    """Return all 569 rows: 30 features under UCI's names, and the diagnosis as B or M."""
    data = load_breast_cancer()
    table = pd.DataFrame(data.data, columns=[name.replace(" ", "_") for name in data.feature_names])
    table["diagnosis"] = np.where(data.target == 0, "M", "B")
    return table


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the test table, drawn at random by class, and one table for each hospital."""
    rest, test = train_test_split(
        table, test_size=TEST_SHARE, random_state=SEED, stratify=table["diagnosis"]
    )
    tables = {"test": test}
    lower = 0.0
    for name, upper in HOSPITALS.items():
        size = rest["mean_radius"]
        tables[f"hospital-{name}/tumours"] = rest[(size >= lower) & (size < upper)]
        lower = upper
    return tables


def main() -> None:
    """Write every table as CSV, rows in the order of the original."""
    for name, table in split(load_table()).items():
        path = FOLDER / f"{name}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        table.sort_index().to_csv(path, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
