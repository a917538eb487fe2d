"""Take this example's definitions from WordNet: ``python take_from_wordnet.py DATA.NOUN``.

``data.noun`` is a file of WordNet 3.0, as in Debian's package ``wordnet-base``
(``/usr/share/wordnet/data.noun``). What it writes, ``source/``, is kept with the example, so that
nobody needs WordNet to run it.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).parent / "source"
# WordNet's lexicographer files, by number.
CLASSES = {"05": "animal", "06": "artifact", "13": "food", "20": "plant"}
EACH = 400
WORDS = 2_000
SHORTEST, LONGEST = 25, 160


def glosses(path: Path) -> list[tuple[str, str]]:
    """Return file number and definition of every noun, without its examples of use."""
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(" ") or "|" not in line:
            continue
        fields, _, gloss = line.partition("|")
        definition = gloss.split('; "')[0].strip().split(";")[0].strip()
        found.append((fields.split()[1], definition))
    return found


def main(path: Path) -> None:
    """Write definitions.tsv and vocabulary.txt."""
    every = glosses(path)
    rows = []
    for number, name in CLASSES.items():
        fitting = {t for file, t in every if file == number and SHORTEST <= len(t) <= LONGEST}
        drawn = sorted(fitting, key=lambda text: hashlib.sha256(text.encode()).digest())[:EACH]
        rows += [(name, text) for text in sorted(drawn)]
    FOLDER.mkdir(exist_ok=True)
    lines = "".join(f"{name}\t{text}\n" for name, text in rows)
    (FOLDER / "definitions.tsv").write_text(lines, encoding="utf-8")
    # The vocabulary is that of all 82,115 definitions: public, and no holder's in particular.
    counts = Counter(
        word for _, text in every for word in re.sub(r"[^\w\s]", "", text.lower()).split()
    )
    frequent = [word for word, _ in counts.most_common(WORDS)]
    (FOLDER / "vocabulary.txt").write_text("\n".join(frequent) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
