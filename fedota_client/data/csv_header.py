"""The first rows of a CSV file: which columns it has, and in which dialect it was written."""

from __future__ import annotations

import csv
import difflib
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from fedota_client.data.encodings import not_utf8, utf16_of
from fedota_client.data.findings import FileRefusedError, Finding, listed
from fedota_client.data.folder import unreadable

_SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")
_SAMPLE_CHARACTERS = 1 << 16
_FIRST_BYTES = 2


def read_header(path: Path, name: str, declared: Sequence[str]) -> list[str]:
    """Read which columns a file has.

    Parameters
    ----------
    path
        The file.
    name
        How it is called in findings.
    declared
        Names of the columns that must be there.

    Returns
    -------
    list of str
        One distinct name for each column of the file: declared ones as they are.

    Raises
    ------
    FileRefusedError
        Nothing of the file can be read.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(_FIRST_BYTES)
        if utf16_of(beginning):
            raise FileRefusedError(not_utf8(path, name, beginning))
        with path.open(encoding="utf-8-sig", newline="") as text:
            sample = text.read(_SAMPLE_CHARACTERS)
        lines = csv.reader(sample.splitlines(keepends=True))
        found = [cell.strip() for cell in next(lines, [])]
    except UnicodeDecodeError as error:
        raise FileRefusedError(not_utf8(path, name)) from error
    except OSError as error:
        raise FileRefusedError(unreadable(name, error)) from error
    except csv.Error as error:
        raise FileRefusedError(
            Finding("header", name, f"it has no readable first row ({error})")
        ) from error
    if not any(found):
        raise FileRefusedError(_empty(name, declared))
    for column in declared:
        if found.count(column) > 1:
            raise FileRefusedError(
                Finding(
                    "header",
                    name,
                    f"the column {column!r} {found.count(column)} times",
                    remedy="Rename or remove all but one.",
                    rows=(1,),
                )
            )
    missing = [column for column in declared if column not in found]
    if missing:
        raise FileRefusedError(
            _other_dialect(path, name, sample, declared) or _missing(name, missing, found, declared)
        )
    return [
        one if one in declared else f"{one} (column {number})"
        for number, one in enumerate(found, start=1)
    ]


def _empty(name: str, declared: Sequence[str]) -> Finding:
    return Finding(
        "header",
        name,
        "it is empty",
        remedy=f"Its first row must name the columns: {listed(declared)}.",
    )


def _other_dialect(path: Path, name: str, sample: str, declared: Sequence[str]) -> Finding | None:
    """Recognise a file with another separator, and say how to rewrite it in one line."""
    lines = sample.splitlines()
    for separator, words in _SEPARATORS.items():
        cells = [cell.strip().strip('"') for cell in lines[0].split(separator)]
        if len(cells) < 2 or not set(cells) & set(declared):
            continue
        rest = [cell.strip().strip('"') for line in lines[1:20] for cell in line.split(separator)]
        comma = any(_DECIMAL_COMMA.fullmatch(cell) for cell in rest)
        setting = f"sep={separator!r}" + (", decimal=','" if comma else "")
        target = path.with_name(f"{path.stem}-commas.csv").name
        return Finding(
            "separator",
            name,
            f"cells separated by {words}" + (" and numbers with a decimal comma" if comma else ""),
            expected="commas" + (" and decimal points" if comma else ""),
            remedy="Save it as a comma-separated CSV, or rewrite it and remove the old file:",
            command="python -c "
            + _shell_quoted(
                f"import pandas; pandas.read_csv({path.name!r}, {setting})"
                f".to_csv({target!r}, index=False)"
            ),
            rows=(1,),
        )
    return None


def _shell_quoted(code: str) -> str:
    """Quote Python for a shell; double quotes, where they do, keep its single ones readable."""
    special = set('"$`\\!') & set(code.replace("\\t", ""))
    return shlex.quote(code) if special else f'"{code}"'


def _missing(
    name: str, missing: Sequence[str], found: Sequence[str], declared: Sequence[str]
) -> Finding:
    if len(missing) > 1:
        what, remedy = f"no columns {listed(missing)}", "Add them, named exactly so"
    else:
        near = difflib.get_close_matches(
            missing[0], [one for one in found if one and one not in declared], n=1
        )
        what = f"no column {missing[0]!r}"
        remedy = (
            f"Is it the one named {near[0]!r}? Rename it" if near else "Add it, named exactly so"
        )
    return Finding("header", name, what, remedy=f"{remedy}; upper and lower case count.", rows=(1,))
