"""The zip that a ``.keras`` file is: its members are judged before any of them is read."""

from __future__ import annotations

import io
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NoReturn, cast

from fedota_proto.errors import ModelFileError
from fedota_proto.model_limits import ModelLimits
from fedota_proto.toml_reader import shown

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets"
SAVE_LINE = 'model.save("model.keras")'
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_METADATA_MAX_BYTES = 1 << 16
_COPY_BYTES = 1 << 20


class ModelArchive:
    """An open ``.keras`` file whose members are known to be harmless by name and size.

    Parameters
    ----------
    file
        The open zip.
    limits
        How large it may be.

    Raises
    ------
    ModelFileError
        At the first member that is not what Keras writes, or too large.
    """

    def __init__(self, file: zipfile.ZipFile, limits: ModelLimits) -> None:
        self._zip = file
        self._limits = limits
        self.members = tuple(file.infolist())
        self._judge_members()
        by_name = {member.filename: member for member in self.members}
        for name in (CONFIG, METADATA, WEIGHTS):
            if name not in by_name:
                _refuse(name, f"the file holds no {name}; save the model with {SAVE_LINE}")
        self._by_name = by_name
        if by_name[CONFIG].file_size > limits.config_max_bytes:
            _refuse(CONFIG, f"{CONFIG} is larger than {limits.config_max_bytes:,} bytes")
        if by_name[METADATA].file_size > _METADATA_MAX_BYTES:
            _refuse(METADATA, f"{METADATA} is larger than {_METADATA_MAX_BYTES:,} bytes")

    @property
    def assets(self) -> tuple[zipfile.ZipInfo, ...]:
        """The members under assets/, without folders."""
        return tuple(
            member
            for member in self.members
            if member.filename.startswith(f"{ASSETS}/") and not member.is_dir()
        )

    def read(self, name: str) -> bytes:
        """Read one member whole, at most its declared size.

        Parameters
        ----------
        name
            Of a member.

        Returns
        -------
        bytes
            Its content; the checksum in the zip was right.

        Raises
        ------
        ModelFileError
            If the member is damaged.
        """
        member = self._by_name.get(name)
        declared_bytes = 0 if member is None else member.file_size
        with self._open(name) as source:
            # Asked for everything, zipfile would unpack up to 2 GiB before it looked at the size.
            return source.read(declared_bytes + 1)

    @contextmanager
    def unpacked(self, name: str) -> Iterator[BinaryIO]:
        """Unpack one member into an unnamed file that is gone afterwards.

        Parameters
        ----------
        name
            Of a member.

        Yields
        ------
        file
            Open for reading and writing, at its beginning.

        Raises
        ------
        ModelFileError
            If the member is damaged.
        """
        with tempfile.TemporaryFile() as target:
            with self._open(name) as source:
                while chunk := source.read(_COPY_BYTES):
                    target.write(chunk)
            target.seek(0)
            yield cast(BinaryIO, target)

    def check_assets(self) -> None:
        """Check that every asset is a vocabulary: the text file of a lookup layer.

        Raises
        ------
        ModelFileError
            If there is another file, or one that is not text.
        """
        for member in self.assets:
            name = member.filename
            if PurePosixPath(name).name != "vocabulary.txt":
                _refuse(name, f"the file holds {shown(name)}, which Keras's layers do not write")
            try:
                text = self.read(name).decode("utf-8")
            except UnicodeDecodeError:
                text = "\0"
            if "\0" in text:
                _refuse(name, f"{shown(name)} is no text; a vocabulary is one word a line")

    @contextmanager
    def _open(self, name: str) -> Iterator[io.BufferedIOBase]:
        member = self._by_name.get(name)
        if member is None:
            _refuse(name, f"the file holds no {shown(name)}; save the model with {SAVE_LINE}")
        try:
            with self._zip.open(member) as source:
                yield cast(io.BufferedIOBase, source)
        except (zipfile.BadZipFile, EOFError, struct.error, zlib.error):
            _refuse(name, f"{shown(name)} in the file is damaged; copy or save the model again")

    def _judge_members(self) -> None:
        seen: set[str] = set()
        total = assets = 0
        for member in self.members:
            name = member.filename
            folded = name.rstrip("/").casefold()
            if folded in seen:
                _refuse(name, f"the file holds {shown(name)} twice; save the model again")
            seen.add(folded)
            _judge_name(member)
            if stat.S_ISLNK(member.external_attr >> 16):
                _refuse(name, f"{shown(name)} in the file is a link; save the model again")
            if member.flag_bits & 0x1:
                _refuse(name, f"{shown(name)} in the file is encrypted; save the model again")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                _refuse(name, f"{shown(name)} is packed in a way that Keras does not use")
            total += member.file_size
            if name.startswith(f"{ASSETS}/"):
                assets += member.file_size
        if total > self._limits.file_max_bytes:
            _refuse(
                "",
                f"the file unpacks to {total:,} bytes; at most {self._limits.file_max_bytes:,} "
                "are allowed: make the model smaller",
            )
        if assets > self._limits.assets_max_bytes:
            _refuse(ASSETS, f"its assets are larger than {self._limits.assets_max_bytes:,} bytes")


@contextmanager
def open_archive(path: Path, limits: ModelLimits) -> Iterator[ModelArchive]:
    """Open a ``.keras`` file and judge its members.

    Parameters
    ----------
    path
        The file.
    limits
        How large it may be.

    Yields
    ------
    ModelArchive
        Usable inside the ``with``.

    Raises
    ------
    ModelFileError
        If the file is not there, is in another format, too large, or holds what Keras does not
        write.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else error.strerror
        _refuse("", f"the file cannot be read ({reason}); name a file saved with {SAVE_LINE}")
    with file:
        _judge_beginning(path, file, limits)
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
            _refuse("", f"the file is damaged; copy it again, or save it with {SAVE_LINE}")
        with archive:
            yield ModelArchive(archive, limits)


def _refuse(place: str, sentence: str) -> NoReturn:
    raise ModelFileError(sentence, place=place)


def _judge_beginning(path: Path, file: BinaryIO, limits: ModelLimits) -> None:
    beginning = file.read(len(_HDF5_MAGIC))
    if beginning == _HDF5_MAGIC or path.suffix in (".h5", ".hdf5"):
        _refuse(
            "",
            "the file is in Keras's old .h5 format, which can carry code; load it where you made "
            f"it and save it with {SAVE_LINE}",
        )
    size = file.seek(0, io.SEEK_END)
    if size > limits.file_max_bytes:
        _refuse(
            "",
            f"the file has {size:,} bytes; at most {limits.file_max_bytes:,} are allowed: make "
            "the model smaller",
        )
    if not beginning.startswith(b"PK\x03\x04"):
        _refuse("", f"the file is not a .keras file (a zip); save the model with {SAVE_LINE}")
    _judge_directory(file, size, limits)
    file.seek(0)


def _judge_directory(file: BinaryIO, size: int, limits: ModelLimits) -> None:
    """Bound the zip's directory before zipfile reads all of it into memory."""
    file.seek(max(0, size - 65_557))
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < 22:
        _refuse("", f"the file is cut off; copy it again, or save it with {SAVE_LINE}")
    entries, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
    # 0xFFFF and 0xFFFFFFFF would mean ZIP64, which a file within the limits does not need.
    if entries > limits.members_max or directory_bytes > limits.members_max * 1024:
        _refuse(
            "",
            f"the file holds more than {limits.members_max} members; a model's does not: save it "
            f"with {SAVE_LINE}",
        )


def _judge_name(member: zipfile.ZipInfo) -> None:
    name = member.filename
    parts = name.split("/")
    outside = (
        not name
        or name.startswith("/")
        or "\\" in name
        or ":" in name
        or "\0" in member.orig_filename
        or any(part in (".", "..") for part in parts)
        or "" in parts[:-1]
    )
    if outside:
        _refuse(
            name,
            f"{shown(name)} in the file would lie outside of it when unpacked; save the model "
            f"with {SAVE_LINE}",
        )
    if name in (CONFIG, METADATA, WEIGHTS):
        return
    in_assets = len(parts) > 1 and parts[0] == ASSETS and len(name) <= 500 and name.isprintable()
    if in_assets and not (member.is_dir() and member.file_size):
        return
    _refuse(
        name,
        f"the file holds {shown(name)}, which Keras does not write; save the model with "
        f"{SAVE_LINE}",
    )
