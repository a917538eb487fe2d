"""The archive of the client's image, as `make images` or ``docker save`` wrote it."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedota_proto.errors import FolderError
from fedota_server.problem_image.pieces import Piece

_JSON_MOST_BYTES = 4 << 20
_LAYERS_MOST = 500
_GZIP = b"\x1f\x8b"
_AGAIN = "make it again with `make images`."


@dataclass(frozen=True)
class Layer:
    """One layer.

    Parameters
    ----------
    piece
        Its bytes.
    sha256
        What they must hash to, hexadecimal; empty where the archive does not say.
    compressed
        Whether they are gzip.
    """

    piece: Piece
    sha256: str
    compressed: bool


@dataclass(frozen=True)
class ClientArchive:
    """What an archive holds.

    Parameters
    ----------
    path
        The file.
    config
        The image's configuration.
    layers
        The lowest first.
    tags
        Names that ``docker load`` gives it.
    """

    path: Path
    config: dict[str, Any]
    layers: tuple[Layer, ...]
    tags: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> ClientArchive:
        """Read what the archive says of itself; layers are left where they are.

        Raises
        ------
        FolderError
            It is missing, cut short, or no archive of one image.
        """
        try:
            members = _members(path)
            return cls._from(path, members)
        except FileNotFoundError:
            raise FolderError(
                f"The client's image is not saved at {path}: `make images` saves it, or set "
                "FEDOTA_CLIENT_ARCHIVE to where `docker save` wrote it."
            ) from None
        except OSError as error:
            raise FolderError(f"{path} cannot be read ({error.strerror}).") from error
        except (tarfile.TarError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FolderError(
                f"{path} is no whole archive of the client's image: {_AGAIN}", detail=repr(error)
            ) from error

    @classmethod
    def _from(cls, path: Path, members: dict[str, Piece]) -> ClientArchive:
        (image,) = _document(members["manifest.json"])
        config = _document(members[image["Config"]])
        hashes = [str(one).removeprefix("sha256:") for one in config["rootfs"]["diff_ids"]]
        names = image["Layers"]
        if len(names) != len(hashes) or not 0 < len(names) < _LAYERS_MOST:
            raise ValueError("layers and their hashes do not match")
        layers = tuple(
            _layer(name, members[name], raw) for name, raw in zip(names, hashes, strict=True)
        )
        return cls(path, config, layers, tuple(image.get("RepoTags") or ()))


def _members(path: Path) -> dict[str, Piece]:
    """Find every file in the archive."""
    size = path.stat().st_size
    found = {}
    # Not compressed as a whole, so that members can be read where they lie.
    with tarfile.open(path, "r:") as archive:
        for member in archive:
            if member.isfile():
                if member.offset_data + member.size > size:
                    raise ValueError("cut short")
                found[member.name] = Piece(member.size, path=path, offset=member.offset_data)
            elif member.issym() or member.islnk():
                # An engine before 25 links a layer that two images share.
                target = Path(member.name).parent / member.linkname if member.issym() else None
                name = _normal(target) if target else member.linkname
                if name in found:
                    found[member.name] = found[name]
    return found


def _normal(path: Path) -> str:
    parts: list[str] = []
    for part in path.parts:
        if part == ".." and parts:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _layer(name: str, piece: Piece, raw_sha256: str) -> Layer:
    start = next(
        iter(Piece(min(2, piece.size_bytes), path=piece.path, offset=piece.offset).chunks())
    )
    if not start.startswith(_GZIP):
        return Layer(piece, raw_sha256, compressed=False)
    folder, _, last = name.rpartition("/")
    return Layer(piece, last if folder == "blobs/sha256" else "", compressed=True)


def _document(piece: Piece) -> Any:
    if piece.size_bytes > _JSON_MOST_BYTES:
        raise ValueError("a document is too large")
    return json.loads(piece.read())
