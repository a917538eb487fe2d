"""What a problem's servers are told, whoever runs them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fedota_proto.errors import ServerStartError
from fedota_server.authority import ProblemKeys
from fedota_server.ports import Ports, is_free
from fedota_server.problem_folder import ProblemFolder
from fedota_server.spawners.base import Role, ServerSpec

COORDINATOR = "coordinator"


def selector_called(number: int) -> str:
    """Name selector `number`, counted from 1, among a problem's servers."""
    return f"selector-{number}"


def coordinator_settings(folder: ProblemFolder) -> dict[str, str]:
    """Say which problem a coordinator serves; for an app other settings stand in their place."""
    return {"FEDOTA_COORDINATOR_PROBLEM_DIR": str(folder.folder.resolve())}


def coordinator_spec(
    folder: ProblemFolder,
    ports: Ports,
    settings: Mapping[str, str],
    *,
    status_address: str,
    start_timeout_s: float,
) -> ServerSpec:
    """Write the specification of a problem's coordinator.

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
    """
    told = {
        "FEDOTA_COORDINATOR_FOLDER": str(folder.state.resolve()),
        "FEDOTA_COORDINATOR_KEYS": str(folder.keys_folder.resolve()),
        "FEDOTA_COORDINATOR_LISTEN": ports.coordinator_address,
        "FEDOTA_COORDINATOR_STATUS_ADDRESS": status_address,
        **settings,
    }
    return ServerSpec(COORDINATOR, Role.COORDINATOR, told, start_timeout_s)


def selector_spec(
    keys: ProblemKeys, ports: Ports, number: int, *, start_timeout_s: float
) -> ServerSpec:
    """Write the specification of selector `number`, counted from 1; its keys are made if need be.

    Raises
    ------
    FolderError
        The keys cannot be made.
    """
    told = {
        "FEDOTA_SELECTOR_INDEX": str(number),
        "FEDOTA_SELECTOR_PROBLEM_ID": keys.problem_id,
        "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": ports.coordinator_address,
        "FEDOTA_SELECTOR_LISTEN": ports.selector_listen(number),
        "FEDOTA_SELECTOR_PUBLIC_ADDRESS": ports.selector_address(number),
        "FEDOTA_SELECTOR_KEYS": str(keys.selector(number).resolve()),
    }
    return ServerSpec(selector_called(number), Role.SELECTOR, told, start_timeout_s)


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
