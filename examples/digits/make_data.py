"""Make the data of this example: four post offices' handwritten digits as PNG, and a test folder.

Run it with the packages of the extra ``dev``: ``python make_data.py [FOLDER]``. It takes the digits
from the installed scikit-learn, so it needs no network, and writes the same files every time.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

FOLDER = Path(__file__).parent / "data"
TEST_SHARE = 0.2
SEED = 1998
# The digits that an office never sees. Every digit is missing somewhere, and none everywhere.
LACKS = {
    "office-north": {0, 1, 2},
    "office-east": {3, 4, 5},
    "office-south": {6, 7},
    "office-west": {8, 9},
}
# The original counts the inked pixels in 4 × 4 blocks: 0 to 16, here grey from 0 to 240.
GREY = 15


def split() -> dict[str, list[int]]:
    """Return who gets which of the 1,797 digits, by their number in the original."""
    digits = load_digits()
    rest, test = train_test_split(
        np.arange(len(digits.target)),
        test_size=TEST_SHARE,
        random_state=SEED,
        stratify=digits.target,
    )
    shares: dict[str, list[int]] = {"test": sorted(test.tolist())}
    shares |= {name: [] for name in LACKS}
    for number, label in enumerate(range(10)):
        offices = [name for name, lacks in LACKS.items() if label not in lacks]
        for at, index in enumerate(sorted(i for i in rest.tolist() if digits.target[i] == label)):
            shares[offices[(at + number) % len(offices)]].append(index)
    return shares


def main(folder: Path) -> None:
    """Write every digit as an 8 × 8 grey PNG into the folder of its class."""
    digits = load_digits()
    for name, indices in split().items():
        for index in sorted(indices):
            place = folder / name / str(digits.target[index])
            place.mkdir(parents=True, exist_ok=True)
            pixels = (digits.images[index] * GREY).astype(np.uint8)
            Image.fromarray(pixels).save(place / f"{index:04}.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
