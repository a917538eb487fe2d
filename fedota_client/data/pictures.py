"""One picture: judged by its header, decoded, laid out as the format wants it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fedota_client.data.findings import FileRefusedError, Finding
from fedota_client.data.folder import unreadable
from fedota_proto.data_format import ImagesFormat

PIXELS_MAX = 64_000_000
FILE_BYTES_MAX = 256 << 20
END_BYTES = 8_192
_FORMATS = ("PNG", "JPEG")
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9"}
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_WORDS = {1: "grey", 3: "colour", 4: "colour with transparency"}
_PRINT = "CMYK"
_DEEP = ("I", "F")
_CHANNELS = {"1": 1, "L": 1, "P": 3, "PA": 4, "RGB": 3, "RGBA": 4, "YCbCr": 3}
_LOSSLESS = {("1", 1), ("P", 3), ("YCbCr", 3)}

# A picture that claims more pixels than `PIXELS_MAX` is refused here, by its header, before
# anything is decoded; Pillow's own bound is a warning, and lies elsewhere.
Image.MAX_IMAGE_PIXELS = None


def read_bytes(path: Path, name: str) -> bytes:
    """Read a picture's file whole.

    Raises
    ------
    FileRefusedError
        It cannot be read, is empty, or is larger than any picture.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise FileRefusedError(unreadable(name, error)) from error
    if not data:
        raise FileRefusedError(_empty(name))
    if len(data) > FILE_BYTES_MAX:
        raise FileRefusedError(
            Finding("size", name, "it is larger than 256 MB", remedy="Save it smaller.")
        )
    return data


def content_hash(size_bytes: int, beginning: bytes, end: bytes) -> int:
    """Hash what tells a picture from others: its size, and both ends of its compressed bytes.

    Parameters
    ----------
    size_bytes
        Of the file.
    beginning, end
        Its first and last `END_BYTES`; the same where it is smaller.

    Returns
    -------
    int
        64 bits.
    """
    digest = hashlib.blake2b(size_bytes.to_bytes(8, "little"), digest_size=8)
    digest.update(beginning[:END_BYTES])
    digest.update(end[-END_BYTES:])
    return int.from_bytes(digest.digest(), "little")


def glance(path: Path, name: str, data_format: ImagesFormat) -> int:
    """Judge a picture by its header and its end, decoding nothing.

    Parameters
    ----------
    path
        The file.
    name
        How it is called in findings.
    data_format
        The problem's.

    Returns
    -------
    int
        Its `content_hash`.

    Raises
    ------
    FileRefusedError
        It does not keep the format, or is cut off.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(END_BYTES)
            size_bytes = file.seek(0, io.SEEK_END)
            file.seek(max(0, size_bytes - END_BYTES))
            end = file.read(END_BYTES)
            file.seek(0)
            if not beginning:
                raise FileRefusedError(_empty(name))
            with _told(name), Image.open(file, formats=_FORMATS) as picture:
                _judge(picture, name, data_format)
                if _ENDS[picture.format or "PNG"] not in end:
                    raise EOFError
    except OSError as error:
        raise FileRefusedError(unreadable(name, error)) from error
    return content_hash(size_bytes, beginning, end)


def decode(data: bytes, name: str, data_format: ImagesFormat) -> np.ndarray:
    """Decode a picture.

    Parameters
    ----------
    data
        The file's bytes.
    name
        How it is called in findings.
    data_format
        The problem's.

    Returns
    -------
    np.ndarray
        uint8 ``(height, width, channels)``.

    Raises
    ------
    FileRefusedError
        It does not keep the format, or is damaged.
    """
    with _told(name), Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
        _judge(picture, name, data_format)
        mode = _MODES[data_format.channels]
        picture.load()
        if picture.format == "PNG" and data.rfind(_ENDS["PNG"]) < 0:
            raise EOFError  # all its pixels are there, but not its end
        plain = picture if picture.mode == mode else picture.convert(mode)
        if plain.size != (data_format.width, data_format.height):
            size = (data_format.width, data_format.height)
            plain = plain.resize(size, Image.Resampling.BILINEAR)
        return np.asarray(plain).reshape(data_format.shape)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Say what Pillow says as a finding."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise FileRefusedError(
            Finding(
                "foreign",
                name,
                "it is no PNG or JPEG picture, whatever its name says",
                remedy="Save it as PNG, or move it out of here.",
            )
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise FileRefusedError(
            Finding(
                "damaged",
                name,
                "it is cut off or damaged",
                remedy="Copy or export it again, or remove it.",
            )
        ) from error


def _empty(name: str) -> Finding:
    return Finding("empty", name, "it is empty", remedy="Remove it.")


def _judge(picture: Image.Image, name: str, data_format: ImagesFormat) -> None:
    width, height = picture.size
    wanted = f"{data_format.width} × {data_format.height} pixels"
    if width * height > PIXELS_MAX:
        raise FileRefusedError(
            Finding(
                "size",
                name,
                f"a picture that claims {width:,} × {height:,} pixels",
                expected=wanted if not data_format.resize else "at most 64 million",
                remedy="It was not opened: save it smaller, or remove it.",
            )
        )
    if picture.size != (data_format.width, data_format.height) and not data_format.resize:
        raise FileRefusedError(
            Finding(
                "size",
                name,
                f"a picture of {width} × {height} pixels",
                expected=wanted,
                remedy="Scale it to that size: this problem does not allow other sizes.",
            )
        )
    channels = _CHANNELS.get(picture.mode)
    fits = picture.mode == _MODES[data_format.channels]
    if not fits and (picture.mode, data_format.channels) not in _LOSSLESS:
        kind = _WORDS[data_format.channels]
        words, remedy = _other_pixels(picture.mode, _WORDS.get(channels or 0, ""), kind)
        raise FileRefusedError(
            Finding(
                "channels",
                name,
                f"a picture in {words}",
                expected=kind,
                remedy=remedy,
            )
        )


def _other_pixels(mode: str, words: str, wanted: str) -> tuple[str, str]:
    """Say what Pillow's mode means to people, and what to do."""
    save = f"Save it in {wanted}, or remove it."
    if mode.startswith(_DEEP):
        return (
            "grey with more than 8 bits a pixel",
            "Scale its values to 0 to 255 and save it with 8 bits, or remove it.",
        )
    if mode == _PRINT:
        return "the colours of print (CMYK)", save
    if mode == "LA":
        return "grey with transparency", save
    return words or f"pixels of another kind ({mode})", save
