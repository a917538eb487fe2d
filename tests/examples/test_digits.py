"""The digits as they are given to four offices: pictures, and each office lacks some classes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.example_run import EXAMPLES, check

OFFICES = ("north", "east", "south", "west")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("digits")
    script = EXAMPLES / "digits" / "make_data.py"
    subprocess.run([sys.executable, str(script), str(place)], check=True, timeout=60)
    return place


def test_the_offices_share_all_pictures_and_each_lacks_some_digits(data: Path) -> None:
    counts = {place.name: len(list(place.glob("*/*.png"))) for place in data.iterdir()}
    assert sum(counts.values()) == 1797
    assert all(count > 300 for count in counts.values()), counts
    there = {
        name: "".join(sorted(path.name for path in (data / f"office-{name}").iterdir()))
        for name in OFFICES
    }
    assert there == {
        "north": "3456789",
        "east": "0126789",
        "south": "01234589",
        "west": "01234567",
    }


async def test_every_office_keeps_the_format_and_is_told_what_it_lacks(data: Path) -> None:
    done = await check(
        *("--data", data / "office-north", "--json"),
        *("--format", EXAMPLES / "digits" / "problem.toml"),
    )
    assert done.code == 0, done
    found = json.loads(done.out)
    assert found["kept"] is True
    assert found["examples"] == len(list((data / "office-north").glob("*/*.png")))
    assert [d for d, count in found["columns"][0]["counts"].items() if not count] == list("012")
