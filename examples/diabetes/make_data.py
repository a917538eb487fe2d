"""Make the data of this example: four practices' tables, split by age, and a test table.

Run it with the packages of the extra ``dev``: ``python make_data.py``. It takes the rows from the
installed scikit-learn, so it needs no network, and writes the same files every time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

FOLDER = Path(__file__).parent / "data"
TEST_SHARE = 0.2
SEED = 2004
# Age up to which a practice sees a patient; the last one sees all older ones.
PRACTICES = {"north": 38, "east": 49, "south": 58, "west": np.inf}
NAMES = {
    "bp": "blood_pressure",
    "s1": "total_cholesterol",
    "s2": "ldl",
    "s3": "hdl",
    "s4": "cholesterol_ratio",
    "s5": "log_triglycerides",
    "s6": "glucose",
}


def load_table() -> pd.DataFrame:
    """Return all 442 rows in their own units: ten measurements, the progression a year later."""
    data = load_diabetes(as_frame=True, scaled=False)
    table: pd.DataFrame = data.frame.rename(columns={**NAMES, "target": "progression"})
    table["sex"] = np.where(table["sex"] == 1, "1", "2")
    whole = ["age", "progression", "glucose", "total_cholesterol"]
    return table.astype(dict.fromkeys(whole, int))


def split(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the test table, drawn at random, and one table for each practice."""
    rest, test = train_test_split(table, test_size=TEST_SHARE, random_state=SEED)
    tables = {"test": test}
    lower = 0.0
    for name, upper in PRACTICES.items():
        tables[f"practice-{name}/patients"] = rest[(rest["age"] >= lower) & (rest["age"] < upper)]
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
