"""Disks that are full or read-only, under the commands that write: real mounts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.mounts import Mounts

from .conftest import DATA, EXAMPLE
from .doubles import Problem
from .test_processes import Ended, ended, started

ME = (sys.executable, "-m", "fedota_client")
FORMAT = ("--format", str(EXAMPLE / "problem.toml"))
FULL, READ_ONLY = "No space left on device", "Read-only file system"


async def run(command: list[str]) -> Ended:
    return await ended(await started(*command))


def assert_one_sentence(how: Ended, *parts: str) -> None:
    assert how.code == 1, how
    assert len(how.stderr.splitlines()) == 1, how
    for part in parts:
        assert part in how.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The folder that is to be on another disk."""
    folder = tmp_path / "place"
    folder.mkdir()
    return folder


@pytest.fixture
def join(personalize: list[str], problem: Problem, place: Path) -> list[str]:
    """`join` with its folder on that disk."""
    problem.selectors[0].description.state = "running"
    invite = personalize[1]
    return [*ME, "join", invite, "--yes", "--data", str(DATA), "--home", str(place)]


@pytest.mark.parametrize(
    ("size_bytes", "told"),
    [
        (4_096, "key.pem"),
        (8_192, "problem/problem.toml"),
        (16_384, "enrolled"),
        (28_672, "problem/model.keras"),
        (45_056, "consent.json"),
        (49_152, "receipts.jsonl"),
    ],
)
async def test_a_membership_on_a_full_disk(
    join: list[str], mounts: Mounts, place: Path, size_bytes: int, told: str
) -> None:
    how = await run(mounts.small(place, size_bytes, *join))
    assert_one_sentence(how, f"{place / told} cannot be written ({FULL})", "free space")
    halves = {name for name in mounts.left if name.endswith(".part")}
    assert not halves
    assert mounts.left.get(told, 0) == 0


async def test_a_membership_on_a_read_only_disk(
    join: list[str], mounts: Mounts, place: Path
) -> None:
    how = await run(mounts.read_only(place, *join))
    assert_one_sentence(how, f"The client's folder {place} cannot be used ({READ_ONLY})")
    # One that was used before.
    assert (await run([*ME, "check", *join[4:5], *join[6:], "--tell-ready"])).code == 0
    for name in ("join", "leave"):
        again = [*ME, name, "--yes", "--home", str(place)]
        if name == "join":
            again += ["--data", str(DATA)]
        how = await run(mounts.read_only(place, *again))
        assert_one_sentence(how, str(place), READ_ONLY)
    how = await run(mounts.read_only(place, *ME, "pause", "--home", str(place)))
    assert_one_sentence(how, f"{place / 'pause'} cannot be made ({READ_ONLY})")


async def test_results_on_a_full_and_on_a_read_only_disk(
    personalize: list[str], mounts: Mounts, place: Path
) -> None:
    command = [*ME, *personalize[:-1], str(place / "mine"), "--epochs", "1"]
    how = await run(mounts.small(place, 40_960, *command))
    assert_one_sentence(how, f"{place / 'mine'} cannot be written ({FULL})")
    assert mounts.left == {}
    how = await run(mounts.read_only(place, *command))
    assert_one_sentence(how, f"{place / 'mine'} cannot be written ({READ_ONLY})")


@pytest.fixture
def new_rows(tmp_path: Path) -> Path:
    """New examples, more than a page of the disk takes the predictions of."""
    rows = (EXAMPLE / "data" / "test.csv").read_text().splitlines()
    path = tmp_path / "new.csv"
    path.write_text("\n".join(row.rpartition(",")[0] for row in (*rows, *rows[1:] * 3)) + "\n")
    return path


async def test_predictions_and_reports_on_a_full_and_on_a_read_only_disk(
    new_rows: Path, mounts: Mounts, place: Path
) -> None:
    said, report = place / "said.csv", place / "report.html"
    predict = ["predict", str(EXAMPLE / "model.keras"), "--data", str(new_rows), "--out", str(said)]
    check = ["check", "--data", str(DATA), "--report", str(report)]
    for command, path in ((predict, said), (check, report)):
        how = await run(mounts.small(place, 4_096, *ME, *command, *FORMAT))
        assert_one_sentence(how, f"{path} cannot be written ({FULL})")
        assert mounts.left == {}
        how = await run(mounts.read_only(place, *ME, *command, *FORMAT))
        assert_one_sentence(how, f"{path} cannot be written ({READ_ONLY})")
