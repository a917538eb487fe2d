"""Jobs of other packages that the server's commands need: their command lines and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FedotaError, FolderError, WorkerError
from fedota_proto.manifest import Manifest
from fedota_proto.model_file import check_model_file
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import (
    JobResult,
    JobSpec,
    LineListener,
    Role,
    Spawner,
    StoppedBy,
)
from fedota_server.spawners.log_file import last_words


@dataclass(frozen=True)
class JobLimits:
    """What a job may use.

    Parameters
    ----------
    time_s
        Seconds.
    memory_bytes
        Resident memory of the job and its children.
    """

    time_s: float
    memory_bytes: int


class JobRunner:
    """Run jobs through a spawner and turn their failures into one clear sentence.

    Parameters
    ----------
    spawner
        What runs them.
    limits
        For each job.
    """

    def __init__(self, spawner: Spawner, limits: JobLimits) -> None:
        self._spawner = spawner
        self._limits = limits

    async def client(
        self,
        name: str,
        *arguments: str,
        reads: tuple[Path, ...],
        writes: tuple[Path, ...],
        on_line: LineListener | None = None,
    ) -> None:
        """Run ``fedota-client job NAME …``.

        Parameters
        ----------
        name, arguments
            Its command line.
        reads, writes
            The files and folders that it needs, and the folders that it writes into; it may see
            no others.
        on_line
            Told what it says.

        Raises
        ------
        WorkerError
            It failed; the message is its own.
        """
        await self._run(Role.CLIENT, name, arguments, reads, writes, on_line)

    async def coordinator(
        self, name: str, *arguments: str, reads: tuple[Path, ...], writes: tuple[Path, ...]
    ) -> None:
        """Run ``fedota-coordinator job NAME …``; its parameters are those of `client`.

        Raises
        ------
        WorkerError
            It failed; the message is its own.
        """
        await self._run(Role.COORDINATOR, name, arguments, reads, writes, None)

    async def _run(
        self,
        role: Role,
        name: str,
        arguments: tuple[str, ...],
        reads: tuple[Path, ...],
        writes: tuple[Path, ...],
        on_line: LineListener | None,
    ) -> None:
        spec = JobSpec(
            name=f"job-{name}",
            role=role,
            arguments=("job", name, *arguments),
            time_limit_s=self._limits.time_s,
            memory_limit_bytes=self._limits.memory_bytes,
            reads=tuple(path.resolve() for path in reads),
            writes=tuple(path.resolve() for path in writes),
        )
        result = await self._spawner.run_job(spec, on_line)
        if not result.ok:
            raise job_error(name, result, self._limits)


def job_error(name: str, result: JobResult, limits: JobLimits) -> FedotaError:
    """Say in one sentence why a job failed.

    Parameters
    ----------
    name
        The job's.
    result
        One that is not ok.
    limits
        Under which it ran.
    """
    if result.stopped_by is StoppedBy.TIME:
        return WorkerError(
            f"The job {name} took longer than {limits.time_s:g} s and was killed: use a smaller "
            "model, or raise FEDOTA_JOB_TIME_S."
        )
    if result.stopped_by is StoppedBy.MEMORY:
        return WorkerError(
            f"The job {name} took more than {limits.memory_bytes >> 20} MiB of memory and was "
            "killed: use a smaller model, or raise FEDOTA_JOB_MEMORY_BYTES."
        )
    said = last_words(result.log_end)
    if result.exit_code > 0 and said:
        return WorkerError(said, detail=result.log_end)
    return WorkerError(
        f"The job {name} ended with exit code {result.exit_code}{': ' + said if said else ''}.",
        detail=result.log_end,
    )


async def take_in_model(folder: ProblemFolder, jobs: JobRunner) -> Manifest:
    """Make the manifest and the first arrays of a problem's model, unless they are there.

    Parameters
    ----------
    folder
        The problem's.
    jobs
        Runs the inspect job, which needs Keras.

    Raises
    ------
    ModelFileError
        The model is refused; nothing was loaded.
    WorkerError
        The job failed.
    FolderError
        The folder cannot be written, or the model changed meanwhile.
    """
    known = folder.manifest()
    if known is not None:
        return known
    model, sha256 = folder.model_path(), folder.model_sha256()
    check_model_file(model)
    with folder.intake() as place:
        await jobs.client(
            "inspect",
            *("--model", as_argument(model), "--out", as_argument(place)),
            reads=(model,),
            writes=(place,),
        )
        if folder.model_sha256() != sha256:
            raise FolderError(f"{model} changed while it was read: run the command again.")
        return folder.take_in(place, sha256)


def as_argument(path: Path) -> str:
    """Write a path for a job's command line, whatever folder the job runs in."""
    return str(path.resolve())
