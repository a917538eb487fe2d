"""Where this release's wheel comes from: the checkout it runs in, or its own installed files."""

from __future__ import annotations

import abc
import base64
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path, PurePosixPath

from fedota_proto.errors import FolderError

NAME = "fedota"
CONSTRAINTS = "constraints.txt"

_SHARED = PurePosixPath("share/fedota") / CONSTRAINTS
_BUILD_TIMEOUT_S = 120.0
_EPOCH = "315532800"  # 1980, when zips begin: the same files make the same wheel
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
_FILE_MODE = 0o100644 << 16
# Written by the installer, about this installation.
_INSTALLERS_OWN = frozenset({"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"})
_BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


class WheelSource(abc.ABC):
    """Something that a wheel of this release can be made from, offline."""

    @abc.abstractmethod
    def sha256(self) -> str:
        """Hash everything that goes into the wheel, hexadecimal.

        Raises
        ------
        FolderError
            A file cannot be read.
        """

    @abc.abstractmethod
    def constraints(self) -> bytes:
        """Return the constraints file of this release.

        Raises
        ------
        FolderError
            It is not there.
        """

    @abc.abstractmethod
    def build(self, out: Path) -> Path:
        """Make the wheel.

        Parameters
        ----------
        out
            The folder that it goes to.

        Returns
        -------
        Path
            The wheel.

        Raises
        ------
        FolderError
            It cannot be made; the message says what is missing.
        """


def find_wheel_source() -> WheelSource:
    """Find out how this process was installed.

    Raises
    ------
    FolderError
        Neither from a checkout nor from a wheel.
    """
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        return CheckoutSource(root)
    try:
        return InstalledSource(metadata.distribution(NAME))
    except metadata.PackageNotFoundError as error:
        raise FolderError(
            "The client's wheel cannot be made, since Fedota runs from loose files: install it "
            "with pip, or run it in a checkout."
        ) from error


class CheckoutSource(WheelSource):
    """A checkout of Fedota, as in an editable installation; setuptools builds it.

    Parameters
    ----------
    root
        Folder with pyproject.toml.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def sha256(self) -> str:
        """Hash the sources."""
        digest = hashlib.sha256()
        try:
            for path in self._files():
                digest.update(str(path.relative_to(self._root)).encode() + b"\0")
                digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise _unreadable(error) from error
        return digest.hexdigest()

    def constraints(self) -> bytes:
        """Return the checkout's constraints."""
        try:
            return (self._root / CONSTRAINTS).read_bytes()
        except OSError as error:
            raise _unreadable(error) from error

    def build(self, out: Path) -> Path:
        """Build in a copy: the checkout stays as it is, and what lies about there stays out."""
        with tempfile.TemporaryDirectory(prefix="fedota-wheel-") as place:
            copy = Path(place) / "source"
            made = Path(place) / "made"
            made.mkdir()
            try:
                for path in self._files():
                    target = copy / path.relative_to(self._root)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, target)
            except OSError as error:
                raise _unreadable(error) from error
            self._run_setuptools(copy, made)
            (wheel,) = made.glob("*.whl")
            return Path(shutil.move(wheel, out / wheel.name))

    @staticmethod
    def _run_setuptools(source: Path, out: Path) -> None:
        environment = {"PATH": os.defpath, "SOURCE_DATE_EPOCH": _EPOCH, "LC_ALL": "C.UTF-8"}
        try:
            subprocess.run(  # noqa: S603  # our own interpreter, our own words
                [sys.executable, "-I", "-c", _BUILD, str(out)],
                cwd=source,
                env=environment,
                check=True,
                capture_output=True,
                timeout=_BUILD_TIMEOUT_S,
            )
        except (subprocess.SubprocessError, OSError) as error:
            said = getattr(error, "stderr", None) or b""
            raise FolderError(
                "The client's wheel could not be built from the checkout: see to it that "
                "setuptools 77 or newer is installed beside Fedota (`make venv` does that).",
                detail=f"{error!r}\n{said.decode(errors='replace')}",
            ) from error

    def _files(self) -> Iterator[Path]:
        """List what setuptools needs, in a fixed order."""
        yield from (
            self._root / name for name in ("pyproject.toml", "README.md", "LICENSE", CONSTRAINTS)
        )
        for package in self._packages():
            for path in sorted(package.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield path

    def _packages(self) -> list[Path]:
        document = tomllib.loads((self._root / "pyproject.toml").read_text(encoding="utf-8"))
        patterns = document["tool"]["setuptools"]["packages"]["find"]["include"]
        found = {path for pattern in patterns for path in self._root.glob(pattern)}
        return sorted(path for path in found if (path / "__init__.py").is_file())


class InstalledSource(WheelSource):
    """An ordinary installation: the wheel is packed again from the files that its RECORD lists.

    Parameters
    ----------
    distribution
        Fedota's, as installed.
    """

    def __init__(self, distribution: metadata.Distribution) -> None:
        self._distribution = distribution

    def sha256(self) -> str:
        """Hash the installed files."""
        digest = hashlib.sha256()
        for name, data in self._members():
            digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        return digest.hexdigest()

    def constraints(self) -> bytes:
        """Return the constraints that came in the wheel."""
        for name, data in self._members():
            if PurePosixPath(name).name == CONSTRAINTS:
                return data
        raise FolderError(
            f"This installation of Fedota lacks its {CONSTRAINTS}: install it again from its wheel."
        )

    def build(self, out: Path) -> Path:
        """Pack the wheel."""
        version = self._distribution.version
        wheel = out / f"{NAME}-{version}-py3-none-any.whl"
        beside = wheel.with_suffix(".part")
        record = f"{NAME}-{version}.dist-info/RECORD"
        try:
            _pack(beside, self._members(), record)
            beside.replace(wheel)
        except OSError as error:
            raise FolderError(
                f"{wheel} cannot be written ({error.strerror}): check the folder's owner and free "
                "space."
            ) from error
        finally:
            beside.unlink(missing_ok=True)
        return wheel

    def _members(self) -> Iterator[tuple[str, bytes]]:
        """Read the wheel's files, each with its name in the archive, in a fixed order."""
        installed = self._distribution.files
        if not installed:
            raise FolderError(
                "The list of Fedota's installed files is missing: install it again from its wheel."
            )
        for file in sorted(installed, key=str):
            name = self._name_in_wheel(PurePosixPath(file))
            if name:
                try:
                    yield name, self._place_of(file).read_bytes()
                except OSError as error:
                    raise _unreadable(error) from error

    def _place_of(self, file: metadata.PackagePath) -> Path:
        place = Path(str(file.locate()))
        if place.name == CONSTRAINTS and not place.exists():
            # `pip install --target` puts it elsewhere than its RECORD says.
            return Path(str(self._distribution.locate_file(str(_SHARED))))
        return place

    def _name_in_wheel(self, file: PurePosixPath) -> str:
        """Name a file as the wheel does; empty for what the installer made."""
        if file.parts[-len(_SHARED.parts) :] == _SHARED.parts:
            return f"{NAME}-{self._distribution.version}.data/data/{_SHARED}"
        made = "__pycache__" in file.parts or (
            file.parts[0].endswith(".dist-info") and file.name in _INSTALLERS_OWN
        )
        return "" if ".." in file.parts or file.is_absolute() or made else str(file)


def _pack(path: Path, members: Iterable[tuple[str, bytes]], record: str) -> None:
    lines = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            entry = zipfile.ZipInfo(name, _ZIP_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _FILE_MODE
            archive.writestr(entry, data)

        for name, data in members:
            add(name, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{name},sha256={digest},{len(data)}")
        add(record, "\n".join([*lines, f"{record},,", ""]).encode())


def _unreadable(error: OSError) -> FolderError:
    return FolderError(f"{error.filename} cannot be read ({error.strerror}): install Fedota again.")
