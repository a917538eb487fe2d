"""One whole round on fake data, before anybody is asked for real data."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FedotaError
from fedota_proto.problem import PROBLEM_FILE, Problem
from fedota_server.jobs import JobRunner, as_argument

Step = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class DryRun:
    """What is run dry, and where.

    Parameters
    ----------
    problem_dir
        Holds problem.toml and the model.
    problem
        The same problem.toml, typed.
    manifest, initial
        Of the model, as the inspect job made them.
    place
        An empty folder for what the jobs hand to one another.
    """

    problem_dir: Path
    problem: Problem
    manifest: Path
    initial: Path
    place: Path

    @property
    def aggregated(self) -> Path:
        """The arrays that the round ends with, once it has."""
        return self.place / "result" / "aggregated.safetensors"

    async def run(
        self, jobs: JobRunner, *, step: Step, say: Callable[[str], None]
    ) -> dict[str, float]:
        """Run three jobs: clients train, the strategy aggregates, the result is scored.

        Parameters
        ----------
        jobs
            Runs them.
        step
            Told what is being done for as long as its block lasts.
        say
            Told what was done.

        Returns
        -------
        dict
            The metrics of the result on fake data.

        Raises
        ------
        WorkerError
            A job failed; the message is its own.
        FolderError
            The folder cannot be written.
        """
        count = self.problem.rounds.minimum_reports
        strategy = self.problem.strategy.name
        updates, result, scored = (
            self.place / "updates",
            self.aggregated.parent,
            self.place / "scored",
        )
        for folder in (updates, result, scored):
            folder.mkdir()
        files = (self.problem_dir / PROBLEM_FILE, self.problem_dir / self.problem.model_file)
        problem_dir = as_argument(self.problem_dir)
        manifest = ("--manifest", as_argument(self.manifest))
        with step(f"{count} clients train on fake data"):
            await jobs.client(
                "dry-run",
                *("--problem", problem_dir, *manifest, "--out", as_argument(updates)),
                reads=(*files, self.manifest),
                writes=(updates,),
            )
        say(f"{count} clients trained on fake data")
        with step(f"{strategy} aggregates"):
            await jobs.coordinator(
                "aggregate",
                *("--problem", problem_dir, *manifest),
                *("--initial", as_argument(self.initial)),
                *("--updates", as_argument(updates)),
                *("--out", as_argument(result)),
                reads=(*files, self.manifest, self.initial, updates),
                writes=(result,),
            )
        say(f"{strategy} aggregated their updates")
        score = scored / "score.json"
        with step("the result is scored"):
            await jobs.client(
                "score",
                *("--problem", problem_dir),
                *("--arrays", as_argument(self.aggregated)),
                *("--out", as_argument(score)),
                reads=(*files, self.aggregated),
                writes=(scored,),
            )
        _, metrics = read_score(score)
        say(f"the result was loaded and scored ({metrics_words(metrics)} on fake data)")
        return metrics


def read_score(path: Path) -> tuple[int, dict[str, float]]:
    """Read what the score job wrote.

    Returns
    -------
    tuple
        The number of examples; each metric by its name.

    Raises
    ------
    FedotaError
        It wrote nothing usable.
    """
    try:
        document = json.loads(path.read_text())
        metrics = {str(name): float(value) for name, value in document["metrics"].items()}
        return int(document["examples"]), metrics
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FedotaError(
            "The job that scores the result wrote no result: this is a defect, report it.",
            detail=repr(error),
        ) from error


def metrics_words(metrics: dict[str, float]) -> str:
    """Write metrics for people, as ``loss 0.312, accuracy 0.9``."""
    return ", ".join(f"{name} {value:.3g}" for name, value in metrics.items())
