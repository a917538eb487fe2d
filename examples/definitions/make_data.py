"""Make the data of this example: four publishers' definitions as text files, and a test folder.

``python make_data.py [FOLDER]`` writes the texts of ``source/definitions.tsv``, the same files
every time; it needs nothing but Python.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
# The share of each class that a publisher has, in tenths; the rest of ten tenths is the test.
SHARES = {
    "publisher-north": {"animal": 5, "plant": 2, "food": 1, "artifact": 0},
    "publisher-east": {"animal": 2, "plant": 4, "food": 0, "artifact": 1},
    "publisher-south": {"animal": 1, "plant": 0, "food": 5, "artifact": 2},
    "publisher-west": {"animal": 0, "plant": 2, "food": 2, "artifact": 5},
}


def definitions() -> list[tuple[str, str]]:
    """Return class and text of every definition."""
    text = (FOLDER / "source" / "definitions.tsv").read_text(encoding="utf-8")
    return [(name, text) for name, _, text in (line.partition("\t") for line in text.splitlines())]


def owner(name: str, text: str) -> str:
    """Say who has a definition: decided by a hash of it."""
    tenth = hashlib.blake2b(text.encode()).digest()[0] * 10 // 256
    for publisher, shares in SHARES.items():
        tenth -= shares[name]
        if tenth < 0:
            return publisher
    return "test"


def main(folder: Path) -> None:
    """Write every definition as a text file into the folder of its class."""
    for number, (name, text) in enumerate(definitions()):
        place = folder / owner(name, text) / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:04}.txt").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER / "data")
