"""What runs the servers and jobs, where that is more than this machine: a Docker engine."""

from __future__ import annotations

from fedota_server.spawners.spawning import Spawning
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning

_NAME = "engine"


def check_engine(spawning: Spawning) -> list[Finding]:
    """Look at what servers and jobs need besides this installation.

    Parameters
    ----------
    spawning
        The platform's.
    """
    said, faults = spawning.look()
    if faults:
        return [
            (problem if fault.grave else warning)(_NAME, fault.what, fault.remedy)
            for fault in faults
        ]
    return [fine(_NAME, f"{said} answers and has what it needs")] if said else []
