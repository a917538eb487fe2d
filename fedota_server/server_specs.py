"""What a problem's servers are told, whoever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fedota_proto.errors import FolderError, ServerStartError
from fedota_proto.problem import PROBLEM_FILE
from fedota_server.authority import ProblemKeys
from fedota_server.ports import Ports, is_free
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Role, ServerSpec
from fedota_server.spawners.spawning import ON_THIS_MACHINE, Reach

COORDINATOR = "coordinator"

# Of the problem's keys, those that its coordinator needs.
_COORDINATORS_KEYS = ("coordinator", "ca.pem", "invite.pub", "receipt.key")


def selector_called(number: int) -> str:
    """Name selector `number`, counted from 1, among a problem's servers."""
    return f"selector-{number}"


def coordinator_settings(folder: ProblemFolder) -> dict[str, str]:
    """Say which problem a coordinator serves; for an app other settings stand in their place."""
    return {"FEDOTA_COORDINATOR_PROBLEM_DIR": str(folder.folder.resolve())}


def problem_files(folder: ProblemFolder) -> tuple[Path, ...]:
    """List the files in which a coordinator finds its problem; an app has others.

    Raises
    ------
    FolderError, ProblemFileError
        problem.toml, which names the model, is missing or wrong.
    """
    return (
        (folder.folder / PROBLEM_FILE).resolve(),
        folder.model_path().resolve(),
        folder.manifest_path.resolve(),
        folder.initial_path.resolve(),
    )


def coordinator_spec(
    folder: ProblemFolder,
    ports: Ports,
    settings: Mapping[str, str],
    *,
    status_address: str,
    start_timeout_s: float,
    reach: Reach = ON_THIS_MACHINE,
    reads: tuple[Path, ...] = (),
) -> ServerSpec:
    """Write the specification of a problem's coordinator; its own folder is made if need be.

    Parameters
    ----------
    folder, ports
        The problem's.
    settings
        Those beside the ones that every problem has: the problem or the app.
    status_address
        Where it reports.
    start_timeout_s
        Seconds within which it must say that it serves.
    reach
        Where it listens.
    reads
        The files of its problem.

    Raises
    ------
    FolderError
        Its folder cannot be made.
    """
    own, keys = folder.coordinator_folder.resolve(), folder.keys_folder.resolve()
    told = {
        "FEDOTA_COORDINATOR_FOLDER": str(folder.state.resolve()),
        "FEDOTA_COORDINATOR_KEYS": str(keys),
        "FEDOTA_COORDINATOR_LISTEN": f"{reach.listen}:{ports.coordinator}",
        "FEDOTA_COORDINATOR_STATUS_ADDRESS": status_address,
        **settings,
    }
    return ServerSpec(
        COORDINATOR,
        Role.COORDINATOR,
        told,
        start_timeout_s,
        reads=(
            *reads,
            folder.state.resolve() / "problem.json",
            *(keys / name for name in _COORDINATORS_KEYS),
        ),
        writes=(_made(own),),
    )


def selector_spec(
    keys: ProblemKeys,
    ports: Ports,
    number: int,
    *,
    start_timeout_s: float,
    reach: Reach = ON_THIS_MACHINE,
    cache: Path | None = None,
) -> ServerSpec:
    """Write the specification of selector `number`, counted from 1; its keys are made if need be.

    Parameters
    ----------
    keys, ports
        The problem's.
    start_timeout_s
        Seconds within which it must say that it serves.
    reach
        Where it listens, and where it finds the coordinator.
    cache
        A folder of its own for files that clients fetch, made if need be; None: the system's.

    Raises
    ------
    FolderError
        The keys or the folder cannot be made.
    """
    own = keys.selector(number).resolve()
    told = {
        "FEDOTA_SELECTOR_INDEX": str(number),
        "FEDOTA_SELECTOR_PROBLEM_ID": keys.problem_id,
        "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": f"{reach.coordinator}:{ports.coordinator}",
        "FEDOTA_SELECTOR_LISTEN": f"{reach.outside(ports.host)}:{ports.selectors[number - 1]}",
        "FEDOTA_SELECTOR_PUBLIC_ADDRESS": ports.selector_address(number),
        "FEDOTA_SELECTOR_KEYS": str(own),
    }
    writes: tuple[Path, ...] = ()
    if cache is not None:
        writes = (_made(cache.resolve()),)
        told["FEDOTA_SELECTOR_CACHE_FOLDER"] = str(writes[0])
    return ServerSpec(
        selector_called(number),
        Role.SELECTOR,
        told,
        start_timeout_s,
        reads=(own,),
        writes=writes,
    )


def refuse_taken(port: int, kept_for: str, kept_in: Path) -> None:
    """Let pass a port on which nothing listens.

    Parameters
    ----------
    port
        Which.
    kept_for, kept_in
        The server that needs it; the file that says so.

    Raises
    ------
    ServerStartError
        Another program has it.
    """
    if not is_free(port):
        raise ServerStartError(
            f"Port {port}, kept for {kept_for} in {kept_in}, is taken by another program: end "
            "that one, or remove the file, so that new ports are chosen (invites that name the "
            "old ones must then be made again)."
        )


def _made(folder: Path) -> Path:
    """Make a folder that a server writes to: what runs it may not be able to."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise FolderError(
            f"{folder} cannot be made ({error.strerror}): check the folder's owner and free space."
        ) from error
    return folder
