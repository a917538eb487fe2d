"""The programs that are started for problems: whether they start, and have what they need."""

from __future__ import annotations

import asyncio
import tempfile
from importlib.util import find_spec
from pathlib import Path

from fedota_proto.errors import ServerStartError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import JobSpec, Role, Spawner
from fedota_server.spawners.log_file import last_words
from fedota_server.spawners.spawning import Spawning
from fedota_server.webserver.doctor.finding import Finding, fine, problem

_NAME = "programs"
_TIME_S = 60.0
_MEMORY_BYTES = 2 << 30

# What each program needs beside itself, and a command that ends at once.
_PROGRAMS = (
    (Role.COORDINATOR, "flwr", "coordinator", ("job", "aggregate", "--help")),
    (Role.CLIENT, "keras", "client", ("version",)),
)


def check_programs(spawning: Spawning) -> list[Finding]:
    """Start each program once, as a job.

    Parameters
    ----------
    spawning
        Runs them; where it runs this installation's own, that must be whole.
    """
    with tempfile.TemporaryDirectory(prefix="doctor-") as place:
        spawner = spawning.job_spawner(ProblemFolder(Path(place)))
        found = asyncio.run(_start_each(spawner, own=spawning.reach.own_ports))
    if not spawning.reach.own_ports:
        return found or [fine(_NAME, "coordinator and client start in their containers")]
    for role, needed, extra, _ in _PROGRAMS:
        if find_spec(needed) is None:
            found.append(
                problem(
                    _NAME,
                    f"{needed} is not installed, which jobs of the {role} need",
                    f"Install Fedota with its extra named {extra}.",
                )
            )
    return found or [fine(_NAME, "coordinator and client start")]


async def _start_each(spawner: Spawner, *, own: bool) -> list[Finding]:
    found = []
    try:
        for role, _, extra, arguments in _PROGRAMS:
            spec = JobSpec(f"doctor-{role}", role, arguments, _TIME_S, _MEMORY_BYTES)
            try:
                result = await spawner.run_job(spec)
                said = "" if result.ok else last_words(result.log_end) or str(result.exit_code)
            except ServerStartError as error:
                said = error.public_message
            if said:
                remedy = (
                    f"Install Fedota again with its extra named {extra}."
                    if own
                    else "Do what the sentence says, or build the images again with `make images`."
                )
                found.append(problem(_NAME, f"the {role} does not start: {said}", remedy))
    finally:
        await spawner.release()
    return found
