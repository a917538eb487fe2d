"""What is said of a server that did not start."""

from __future__ import annotations

from pathlib import Path

from fedota_proto.errors import ServerStartError
from fedota_server.spawners.log_file import last_words


def start_failure(name: str, said: str, tail: str, log: Path) -> ServerStartError:
    """Make the error.

    Parameters
    ----------
    name
        The server's.
    said
        What it did, as ``ended at its start with exit code 1``.
    tail
        The end of what it wrote.
    log
        Where the rest stands.
    """
    last = last_words(tail)
    return ServerStartError(
        f"{name} {said}{f': {last}' if last else '.'} (its log: {log})", detail=tail
    )


def not_ready(timeout_s: float) -> str:
    """Say that a server was silent for too long."""
    return f"did not say within {timeout_s:g} s that it serves, and was killed"


def not_placed(name: str, timeout_s: float, said: str) -> ServerStartError:
    """Say that no node of a Swarm runs a server, and what Swarm says to that."""
    why = said or "it does not say why"
    return ServerStartError(
        f"Swarm found no node for {name} within {timeout_s:g} s: {why}. "
        "Look at `docker node ls`: a node must be ready and active, keep the constraints in the "
        "settings, and have the image and the port."
    )


def ended_early(exit_code: int) -> str:
    """Say that a server ended before it served."""
    return f"ended at its start with exit code {exit_code}"


def not_ours(kind: str, name: str) -> ServerStartError:
    """Say that a container or network of a needed name is somebody else's."""
    return ServerStartError(
        f"There is a {kind} {name} that is not this platform's: rename or remove it."
    )


def runs_already(name: str) -> ServerStartError:
    """Say that there is one of that name."""
    return ServerStartError(f"{name} runs already: stop it first.")


def being_stopped(name: str) -> ServerStartError:
    """Say that the spawner starts nothing more."""
    return ServerStartError(f"{name} is not started: everything here is being stopped.")


def cannot_start(name: str, error: OSError) -> ServerStartError:
    """Say that the operating system refuses a process."""
    return ServerStartError(
        f"{name} cannot be started ({error.strerror}): "
        "check the machine's free memory and its limits on processes."
    )


def cannot_end(name: str, pid: int) -> ServerStartError:
    """Say that a process does not die."""
    return ServerStartError(
        f"{name} (process {pid}) cannot be killed: "
        "the operating system holds it; look at its disk or restart the machine."
    )
