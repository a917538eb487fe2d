"""The demo's own parts: an example's folder, the comparison, what is shown of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from fedota_proto.errors import FolderError, WorkerError
from fedota_server.jobs import JobRunner, as_argument
from fedota_server.status_view import RoundSeen


@dataclass(frozen=True)
class Example:
    """A problem with the data of its holders beside it.

    Parameters
    ----------
    folder
        With problem.toml and the model.
    holders
        Each data holder's folder, by name.
    test
        Examples that no holder has.
    """

    folder: Path
    holders: dict[str, Path]
    test: Path

    @classmethod
    def find(cls, folder: Path) -> Example:
        """Look at ``DIR/data``: one folder for each holder, and ``test.csv``.

        Raises
        ------
        FolderError
            Something is missing.
        """
        data, test = folder / "data", folder / "data" / "test.csv"
        holders = {place.name: place for place in sorted(data.glob("*/")) if place.is_dir()}
        if not (folder / "problem.toml").is_file() or not holders or not test.is_file():
            raise FolderError(
                f"{folder} is no example: it needs problem.toml, data/test.csv and a folder under "
                "data for each data holder."
            )
        return cls(folder, holders, test)

    def copy_to(self, place: Path) -> Example:
        """Copy everything but what an earlier run left there.

        Raises
        ------
        FolderError
            The copy cannot be written.
        """
        try:
            shutil.copytree(self.folder, place, ignore=shutil.ignore_patterns(".fedota"))
        except (OSError, shutil.Error) as error:
            raise FolderError(f"{self.folder} cannot be copied to {place}.") from error
        return Example.find(place)


def example_folder() -> Path:
    """Find the breast-cancer example: below here, or in the checkout that is installed.

    Raises
    ------
    FolderError
        It is in neither.
    """
    for root in (Path.cwd(), Path(__file__).parent.parent):
        place = root / "examples" / "breast-cancer"
        if (place / "problem.toml").is_file():
            return place
    raise FolderError(
        "The example is not here: run the demo in a checkout of Fedota, or pass --example DIR."
    )


@dataclass(frozen=True)
class Score:
    """What a model reaches on the test file.

    Parameters
    ----------
    name
        Which model.
    examples
        Examples that it was trained on, 0 where that is not known.
    accuracy
        Share of the test file that it gets right.
    loss
        On the test file.
    """

    name: str
    examples: int
    accuracy: float
    loss: float


def accuracy_in(metrics: dict[str, Any]) -> float:
    """Find the accuracy among metrics, whatever it is called.

    Raises
    ------
    WorkerError
        There is none.
    """
    for name, value in metrics.items():
        if "accuracy" in name or name == "acc":
            return float(value)
    raise WorkerError(
        "The example's model reports no accuracy: compile it with metrics=['accuracy']."
    )


async def compare(
    example: Example, model: Path, jobs: JobRunner, work: Path, trained_on: int
) -> list[Score]:
    """Score the federated model, one trained on all data together, and each holder's alone.

    Parameters
    ----------
    example
        Whose data it is.
    model
        The federated model, a ``.keras`` file.
    jobs
        Runs the client package's jobs.
    work
        An empty folder.
    trained_on
        Examples behind the federated model.

    Returns
    -------
    list of Score
        In that order.

    Raises
    ------
    WorkerError
        A job failed.
    """
    problem, test = as_argument(example.folder), as_argument(example.test)
    scored, trained = work / "score.json", work / "train.json"
    await jobs.client(
        "score",
        *("--problem", problem),
        *("--model", as_argument(model)),
        *("--data", test),
        *("--out", as_argument(scored)),
        reads=(example.folder, model, example.test),
        writes=(work,),
    )
    await jobs.client(
        "train",
        *("--problem", problem),
        *(part for place in example.holders.values() for part in ("--data", as_argument(place))),
        *("--test", test),
        "--each",
        *("--out", as_argument(trained)),
        reads=(example.folder, example.test, *example.holders.values()),
        writes=(work,),
    )
    federated, plain = _read(scored), _read(trained)
    scores = [
        _score("federated, no data moved", federated, trained_on),
        _score("all data together", plain["together"]),
    ]
    for path, one in plain["each"].items():
        scores.append(_score(f"{Path(path).name} alone", one))
    return scores


def _score(name: str, found: dict[str, Any], examples: int | None = None) -> Score:
    metrics = found["metrics"]
    count = int(found["examples"]) if examples is None else examples
    return Score(name, count, accuracy_in(metrics), float(metrics["loss"]))


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise WorkerError(f"A job wrote no result to {path}.", detail=repr(error)) from error
    return found


def score_table(scores: Sequence[Score]) -> Table:
    """Draw the comparison."""
    table = Table(title="On the test file, which nobody trained on", title_justify="left")
    table.add_column("model")
    table.add_column("training examples", justify="right")
    table.add_column("accuracy", justify="right")
    table.add_column("loss", justify="right")
    for place, score in enumerate(scores):
        table.add_row(
            score.name,
            str(score.examples),
            f"{score.accuracy:.4f}",
            f"{score.loss:.4f}",
            style="bold" if place == 0 else None,
        )
    return table


def accuracy_by_round(rounds: Sequence[RoundSeen]) -> tuple[list[int], list[float]]:
    """List the evaluated rounds, and the accuracy that the holders measured after each."""
    found = [
        (seen.key[1], accuracy_in({v.name: v.value for v in seen.evaluated.metrics}))
        for seen in rounds
        if seen.evaluated is not None and not seen.superseded
    ]
    return [number for number, _ in found], [accuracy for _, accuracy in found]
