"""How a server's files reach the node that it runs on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import ServerStartError

CARRIED_MOST_BYTES = 500 * 1024  # of one secret or configuration, as Swarm's managers keep them


@dataclass(frozen=True)
class CarriedFiles:
    """Files by the way that they go.

    Parameters
    ----------
    secrets, configs
        Files that Swarm itself carries to the node, each mounted at its own path.
    mounts
        Files and folders that must be on the node.
    """

    secrets: tuple[Path, ...] = ()
    configs: tuple[Path, ...] = ()
    mounts: tuple[Path, ...] = ()


def carried(reads: Sequence[Path], keys: Path) -> CarriedFiles:
    """Decide how each file goes; reads the disk.

    What lies below the folder of keys goes as secrets. Of all else, single files that are small
    go as configurations; folders and large files must be on the node.

    Parameters
    ----------
    reads
        What the server needs.
    keys
        The folder of keys.

    Raises
    ------
    ServerStartError
        A file is not there, or a key is larger than a secret may be.
    """
    secrets: list[Path] = []
    configs: list[Path] = []
    mounts: list[Path] = []
    for path in reads:
        if path.is_relative_to(keys):
            secrets += _files(path)
        elif 0 < _size(path) <= CARRIED_MOST_BYTES and path.is_file():
            configs.append(path)
        else:
            mounts.append(path)
    for path in secrets:
        if not 0 < _size(path) <= CARRIED_MOST_BYTES:
            raise ServerStartError(
                f"{path} cannot be a secret of the Swarm: those hold 1 byte to 500 KB each. Move "
                "it out of the folder of keys."
            )
    return CarriedFiles(tuple(secrets), tuple(configs), tuple(mounts))


def read(path: Path) -> bytes:
    """Read a file that is to be carried.

    Raises
    ------
    ServerStartError
        It cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _files(path: Path) -> Iterator[Path]:
    try:
        if not path.is_dir():
            yield path
            return
        for below in sorted(path.iterdir()):
            yield from _files(below)
    except OSError as error:
        raise _unreadable(path, error) from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ServerStartError:
    return ServerStartError(
        f"{path} cannot be read ({error.strerror}): check that it is there, and its owner."
    )
