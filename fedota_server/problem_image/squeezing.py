"""Compress the layers of a saved image, once, so that every problem's archive is small."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from pathlib import Path

from fedota_proto.errors import FolderError
from fedota_server.problem_image.client_archive import ClientArchive, Layer
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.pieces import Piece

# The next levels save a tenth more, and take three times as long.
_LEVEL = 1
_WINDOW_GZIP = 31


def squeeze(client: ClientArchive, out: Path) -> None:
    """Write an archive of the same image with gzip layers.

    Parameters
    ----------
    client
        As ``docker save`` wrote it.
    out
        The archive to write; as much room as it takes is needed beside it meanwhile.

    Raises
    ------
    FolderError
        The archive is damaged; there is no room.
    """
    with tempfile.TemporaryDirectory(prefix=".squeezing-", dir=out.parent) as place:
        layers = [_squeezed(one, Path(place) / str(at)) for at, one in enumerate(client.layers)]
        ImageArchive(layers, client.config, client.tags[0]).write(out)


def _squeezed(layer: Layer, place: Path) -> Layer:
    if layer.compressed:
        return layer
    raw, packed = hashlib.sha256(), hashlib.sha256()
    packer = zlib.compressobj(_LEVEL, wbits=_WINDOW_GZIP)
    try:
        with place.open("wb") as file:

            def keep(data: bytes) -> None:
                packed.update(data)
                file.write(data)

            for chunk in layer.piece.chunks():
                raw.update(chunk)
                keep(packer.compress(chunk))
            keep(packer.flush())
    except OSError as error:
        raise FolderError(
            f"{place} cannot be written ({error.strerror}): check the folder's free space."
        ) from error
    if raw.hexdigest() != layer.sha256:
        raise FolderError(
            f"{layer.piece.path} is damaged: a layer is not what its hash says; save it again."
        )
    return Layer(Piece(place.stat().st_size, path=place), packed.hexdigest(), compressed=True)
