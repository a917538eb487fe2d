"""A zip of examples: folders of classes, as the kinds ``images`` and ``text`` have them."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from fedota_proto.data_format import ImagesFormat, TextFormat
from fedota_proto.data_format.images import IMAGE_SUFFIXES
from fedota_proto.data_format.text import TEXT_SUFFIX
from fedota_proto.errors import DataError
from fedota_proto.units import size_words

FILES_MAX = 200_000
UNPACKED_MAX_BYTES = 4_000_000_000
_COPY_BYTES = 1 << 20

FolderFormat = ImagesFormat | TextFormat


def check_data_zip(path: Path, name: str, data_format: FolderFormat) -> None:
    """Refuse a zip whose files cannot be examples; none of them is opened.

    Parameters
    ----------
    path, name
        The file, and how its owner calls it.
    data_format
        The problem's.

    Raises
    ------
    DataError
        It is no zip of a folder for each class, or too large once unpacked.
    """
    with _opened(path, name) as packed:
        _examples(packed, name, data_format)


def unpack_data_zip(path: Path, folder: Path, data_format: FolderFormat) -> None:
    """Unpack a zip into a folder for each class.

    Parameters
    ----------
    path
        The file.
    folder
        Empty.
    data_format
        The problem's.

    Raises
    ------
    DataError
        As `check_data_zip`, or a file in it is damaged.
    OSError
        It cannot be written.
    """
    with _opened(path, path.name) as packed:
        for number, (member, label) in enumerate(_examples(packed, path.name, data_format)):
            place = folder / label
            place.mkdir(exist_ok=True)
            # Names from a zip are no names for files: a number and the ending are enough.
            ending = Path(member.filename).suffix.lower()
            try:
                with (
                    packed.open(member) as source,
                    (place / f"{number:06}{ending}").open("wb") as out,
                ):
                    while chunk := source.read(_COPY_BYTES):
                        out.write(chunk)
            except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
                raise DataError(
                    f"{path.name}: {member.filename!r} in it is damaged; pack it again."
                ) from error


def _opened(path: Path, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{name} is no zip: pack the folder with a folder for each class into one."
        ) from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error


def _examples(
    packed: zipfile.ZipFile, name: str, data_format: FolderFormat
) -> list[tuple[zipfile.ZipInfo, str]]:
    """List the files that are examples, each with its class."""
    suffixes = IMAGE_SUFFIXES if isinstance(data_format, ImagesFormat) else (TEXT_SUFFIX,)
    members = sorted(
        (one for one in packed.infolist() if not one.is_dir() and not _is_hidden(one)),
        key=lambda one: one.filename,
    )
    if len(members) > FILES_MAX:
        raise DataError(f"{name} holds {len(members):,} files; at most {FILES_MAX:,} are taken.")
    unpacked_bytes = sum(one.file_size for one in members)
    if unpacked_bytes > UNPACKED_MAX_BYTES:
        raise DataError(
            f"{name} unpacks to {size_words(unpacked_bytes)}; at most "
            f"{size_words(UNPACKED_MAX_BYTES)} are taken."
        )
    found = [(one, _class_of(one, name, data_format.classes, suffixes)) for one in members]
    if not found:
        raise DataError(f"{name} holds no example: pack a folder for each class into it.")
    return found


def _class_of(
    member: zipfile.ZipInfo, name: str, classes: Sequence[str], suffixes: Sequence[str]
) -> str:
    """Name the class of a file: its folder, which may lie in one other folder."""
    inside = f"{name}: {member.filename[:200]!r} in it"
    if member.flag_bits & 0x1:
        raise DataError(f"{inside} is encrypted; pack it without a password.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise DataError(f"{inside} is a link; pack the file itself.")
    parts = member.filename.split("/")
    if len(parts) not in (2, 3) or parts[-2] not in classes:
        listed = ", ".join(repr(one) for one in classes[:8])
        raise DataError(f"{inside} lies in no class's folder; the classes are {listed}.")
    if not parts[-1].lower().endswith(tuple(suffixes)):
        raise DataError(f"{inside} is no {' or '.join(f'*{one}' for one in suffixes)} file.")
    return parts[-2]


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    """Tell what file managers put into a zip of their own accord."""
    parts = member.filename.split("/")
    return parts[0] == "__MACOSX" or any(part.startswith(".") for part in parts if part != "..")
