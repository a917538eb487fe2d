"""A zip of examples as the kinds ``images`` and ``text`` have them: files in folders."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from fedota_proto.data_format import ImagesFormat, TextFormat
from fedota_proto.data_format.images import IMAGE_SUFFIXES, LABELS_NAMES, label_path_mistake
from fedota_proto.data_format.text import TEXT_SUFFIX
from fedota_proto.errors import DataError
from fedota_proto.units import size_words

FILES_MAX = 200_000
UNPACKED_MAX_BYTES = 4_000_000_000
_COPY_BYTES = 1 << 20
_NAME_MAX_BYTES, _PATH_MAX_BYTES = 255, 1_000

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
        It is no zip of a folder for each class, or of pictures with a file of labels, or too large
        once unpacked.
    """
    with opened_zip(path, name) as packed:
        _examples(packed, name, data_format)


def unpack_data_zip(path: Path, folder: Path, data_format: FolderFormat) -> None:
    """Unpack a zip into a folder for each class, or as it is where there is a file of labels.

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
    with opened_zip(path, path.name) as packed:
        for member, inside in _examples(packed, path.name, data_format):
            place = folder / inside
            place.parent.mkdir(parents=True, exist_ok=True)
            try:
                with packed.open(member) as source, place.open("wb") as out:
                    while chunk := source.read(_COPY_BYTES):
                        out.write(chunk)
            except (zipfile.BadZipFile, EOFError, zlib.error, NotImplementedError) as error:
                raise DataError(
                    f"{path.name}: {member.filename!r} in it is damaged; pack it again."
                ) from error


def opened_zip(path: Path, name: str) -> zipfile.ZipFile:
    """Open a zip.

    Raises
    ------
    DataError
        It is none, or cannot be read.
    """
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise DataError(
            f"{name} is no zip: pack the folder with your examples into one."
        ) from error
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror}.") from error


def _examples(
    packed: zipfile.ZipFile, name: str, data_format: FolderFormat
) -> list[tuple[zipfile.ZipInfo, str]]:
    """List the files that are unpacked, each with its path in the folder."""
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
    for one in members:
        if one.flag_bits & 0x1:
            raise DataError(f"{_said(one, name)} is encrypted; pack it without a password.")
        if stat.S_ISLNK(one.external_attr >> 16):
            raise DataError(f"{_said(one, name)} is a link; pack the file itself.")
    if isinstance(data_format, ImagesFormat) and data_format.targets:
        return _labelled(members, name)
    suffixes = IMAGE_SUFFIXES if isinstance(data_format, ImagesFormat) else (TEXT_SUFFIX,)
    if not members:
        raise DataError(f"{name} holds no example: pack a folder for each class into it.")
    # Names from a zip are no names for files: a number and the ending are enough.
    return [
        (
            one,
            f"{_class_of(one, name, data_format.classes, suffixes)}/"
            f"{number:06}{Path(one.filename).suffix.lower()}",
        )
        for number, one in enumerate(members)
    ]


def labels_member(members: Sequence[zipfile.ZipInfo], name: str) -> zipfile.ZipInfo:
    """Return the file of labels, which may lie in one other folder together with all the rest.

    Raises
    ------
    DataError
        There is none, or there are two.
    """
    found = [
        one
        for one in members
        if one.filename.split("/")[-1] in LABELS_NAMES and not _is_hidden(one)
    ]
    depth = min((one.filename.count("/") for one in found), default=0)
    found = [one for one in found if one.filename.count("/") == depth]
    if len(found) != 1 or depth > 1:
        raise DataError(
            f"{name} holds {'several files' if len(found) > 1 else 'no file'} of labels: pack the "
            f"folder with the pictures and one {' or '.join(LABELS_NAMES)} into it."
        )
    return found[0]


def _labelled(members: Sequence[zipfile.ZipInfo], name: str) -> list[tuple[zipfile.ZipInfo, str]]:
    """List the pictures and the file of labels, which names them by their paths."""
    labels = labels_member(members, name)
    folder = labels.filename[: labels.filename.rfind("/") + 1]
    found = []
    for one in members:
        inside = one.filename.removeprefix(folder)
        parts = inside.split("/")
        if one is not labels and not inside.lower().endswith(IMAGE_SUFFIXES):
            raise DataError(f"{_said(one, name)} is neither a PNG or JPEG file nor the labels.")
        if (
            not one.filename.startswith(folder)
            or label_path_mistake(inside)
            or not all(part.strip(".") and part.isprintable() for part in parts)
            or max(len(part.encode()) for part in parts) > _NAME_MAX_BYTES
            or len(inside.encode()) > _PATH_MAX_BYTES
        ):
            raise DataError(
                f"{_said(one, name)} lies outside of the folder of {labels.filename!r}, or its "
                "name cannot be used: pack that folder alone, and give it a plain name."
            )
        found.append((one, inside))
    if len(found) == 1:
        raise DataError(f"{name} holds no picture: pack the pictures beside the labels.")
    return found


def _said(member: zipfile.ZipInfo, name: str) -> str:
    return f"{name}: {member.filename[:200]!r} in it"


def _class_of(
    member: zipfile.ZipInfo, name: str, classes: Sequence[str], suffixes: Sequence[str]
) -> str:
    """Name the class of a file: its folder, which may lie in one other folder."""
    inside = _said(member, name)
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
