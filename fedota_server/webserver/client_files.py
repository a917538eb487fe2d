"""What a data holder installs, at the platform's own address: the wheel and its constraints."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import FolderError, NotFoundError
from fedota_server.webserver.wheel_source import CONSTRAINTS, WheelSource, find_wheel_source

URL_FOLDER = "/client"

_KEY_DIGITS = 16


@dataclass(frozen=True)
class ClientFile:
    """A file that anybody may fetch.

    Parameters
    ----------
    path
        Where it is.
    sha256
        Of its bytes, hexadecimal.
    size_bytes
        Its size.
    """

    path: Path
    sha256: str
    size_bytes: int

    @property
    def name(self) -> str:
        """Its name, the last part of its address."""
        return self.path.name

    @property
    def url_path(self) -> str:
        """Its address on this platform, without the host."""
        return f"{URL_FOLDER}/{self.name}"


@dataclass(frozen=True)
class ClientBundle:
    """The wheel and the constraints of one release."""

    wheel: ClientFile
    constraints: ClientFile


class ClientFiles:
    """Make the client's files once for each release and state of the sources, and find them.

    Methods may be called from several threads and processes.

    Parameters
    ----------
    home
        The platform's folder; the files are kept in ``client`` below it.
    source
        Finds what the wheel is made from.
    """

    def __init__(self, home: Path, source: Callable[[], WheelSource] = find_wheel_source) -> None:
        self._folder = home / "client"
        self._find_source = source
        self._lock = threading.Lock()
        self._bundle: ClientBundle | None = None

    def bundle(self) -> ClientBundle:
        """Return the files; the first call makes them where they are missing or outdated.

        Raises
        ------
        FolderError
            They cannot be made, or the folder cannot be written.
        """
        with self._lock:
            if self._bundle is None or not self._bundle.wheel.path.exists():
                try:
                    self._bundle = self._made()
                except OSError as error:
                    raise FolderError(
                        f"{self._folder} cannot be written ({error.strerror}): check the folder's "
                        "owner and free space."
                    ) from error
            return self._bundle

    def find(self, name: str) -> ClientFile:
        """Find a file by its name in the address.

        Raises
        ------
        NotFoundError
            There is none of that name.
        """
        bundle = self.bundle()
        for file in (bundle.wheel, bundle.constraints):
            if file.name == name:
                return file
        raise NotFoundError(
            f"This platform serves no such file: its client is {bundle.wheel.name}; copy the "
            "install command from its pages again."
        )

    def install_command(self, web_url: str) -> str:
        """Write the command by which a data holder installs the client.

        Parameters
        ----------
        web_url
            The platform's address, as ``https://fedota.example``.
        """
        bundle, base = self.bundle(), web_url.rstrip("/")
        wheel = f"{base}{bundle.wheel.url_path}#sha256={bundle.wheel.sha256}"
        return f'pip install "fedota[client] @ {wheel}" -c {base}{bundle.constraints.url_path}'

    def _made(self) -> ClientBundle:
        """Find the folder of this state of the sources, or make it; the others go."""
        source = self._find_source()
        place = self._folder / source.sha256()[:_KEY_DIGITS]
        if not place.is_dir():
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            beside = Path(tempfile.mkdtemp(prefix=".making-", dir=self._folder))
            try:
                source.build(beside)
                (beside / CONSTRAINTS).write_bytes(source.constraints())
                _rename_unless_there(beside, place)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
        for other in self._folder.iterdir():
            if other != place and not other.name.startswith("."):
                shutil.rmtree(other, ignore_errors=True)
        (wheel,) = place.glob("*.whl")
        return ClientBundle(_client_file(wheel), _client_file(place / CONSTRAINTS))


def _rename_unless_there(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # otherwise another process was faster, with the same files
            raise


def _client_file(path: Path) -> ClientFile:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return ClientFile(path, sha256, path.stat().st_size)
