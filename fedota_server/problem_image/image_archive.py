"""An image as one file that every engine loads and every OCI tool reads."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fedota_proto.errors import FolderError
from fedota_proto.units import size_words
from fedota_server.problem_image.client_archive import Layer
from fedota_server.problem_image.pieces import Piece, tar_pieces

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar"
_INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
_BLOBS = "blobs/sha256"


@dataclass(frozen=True)
class Blob:
    """A part of an image that is named by its hash.

    Parameters
    ----------
    piece
        Its bytes.
    sha256
        Theirs, hexadecimal.
    media_type
        What it is.
    """

    piece: Piece
    sha256: str
    media_type: str

    def descriptor(self) -> dict[str, Any]:
        """Name it in a manifest."""
        return {
            "mediaType": self.media_type,
            "digest": f"sha256:{self.sha256}",
            "size": self.piece.size_bytes,
        }


class ImageArchive:
    """Layers and a configuration, as an OCI archive with ``docker save``'s index beside it.

    The same layers, configuration and tag make the same bytes.

    Parameters
    ----------
    layers
        The lowest first.
    config
        The image's configuration, its list of layers included.
    tag
        The name that the image is loaded under, with what follows the colon.
    """

    def __init__(self, layers: Sequence[Layer], config: dict[str, Any], tag: str) -> None:
        self.tag = tag
        self.layers = tuple(
            Blob(
                one.piece,
                one.sha256 or one.piece.sha256(),
                f"{LAYER_TYPE}+gzip" if one.compressed else LAYER_TYPE,
            )
            for one in layers
        )
        self.config = _blob(config, CONFIG_TYPE)
        self.manifest = _blob(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST_TYPE,
                "config": self.config.descriptor(),
                "layers": [one.descriptor() for one in self.layers],
            },
            MANIFEST_TYPE,
        )
        self._pieces = tuple(tar_pieces(self._members(config)))

    @property
    def image_id(self) -> str:
        """The hash by which an engine knows the image once it is loaded, hexadecimal."""
        return self.config.sha256

    @property
    def size_bytes(self) -> int:
        """Size of the whole file."""
        return sum(piece.size_bytes for piece in self._pieces)

    def chunks(self) -> Iterator[bytes]:
        """Yield the file's bytes; a layer that is not what its hash says is told at its end.

        Raises
        ------
        FolderError
            The archive that the layers come from is damaged or cannot be read.
        """
        named = {id(one.piece): one.sha256 for one in self.layers}
        for piece in self._pieces:
            wanted = named.get(id(piece))
            digest = hashlib.sha256()
            for chunk in piece.chunks():
                if wanted is not None:
                    digest.update(chunk)
                yield chunk
            if wanted is not None and digest.hexdigest() != wanted:
                raise FolderError(
                    f"{piece.path or 'The archive of the client'} is damaged: a layer is not what "
                    "its hash says; make it again with `make images`."
                )

    def sha256(self) -> str:
        """Hash the whole file, hexadecimal, and check every layer on the way.

        Raises
        ------
        FolderError
            As `chunks`.
        """
        digest = hashlib.sha256()
        for chunk in self.chunks():
            digest.update(chunk)
        return digest.hexdigest()

    def write(self, out: Path) -> str:
        """Write the file: beside its place, and then renamed.

        Returns
        -------
        str
            Its SHA-256, hexadecimal.

        Raises
        ------
        FolderError
            As `chunks`; or there is no room, or the place cannot be written.
        """
        beside = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
        digest = hashlib.sha256()
        try:
            with beside.open("wb") as file:
                for chunk in self.chunks():
                    file.write(chunk)
                    digest.update(chunk)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(out)
        except OSError as error:
            raise FolderError(
                f"{out} cannot be written ({error.strerror}): {size_words(self.size_bytes)} are "
                "needed there."
            ) from error
        finally:
            beside.unlink(missing_ok=True)
        return digest.hexdigest()

    def _members(self, config: dict[str, Any]) -> dict[str, Piece]:
        descriptor = {
            **self.manifest.descriptor(),
            "platform": {key: config[key] for key in ("architecture", "os") if key in config},
            "annotations": {
                "io.containerd.image.name": f"docker.io/{self.tag}",
                "org.opencontainers.image.ref.name": self.tag.rpartition(":")[2],
            },
        }
        blobs = (*self.layers, self.config, self.manifest)
        members = {f"{_BLOBS}/{one.sha256}": one.piece for one in blobs}
        members["oci-layout"] = Piece.of(b'{"imageLayoutVersion":"1.0.0"}')
        members["index.json"] = Piece.of(
            _json({"schemaVersion": 2, "mediaType": _INDEX_TYPE, "manifests": [descriptor]})
        )
        saved = {
            "Config": f"{_BLOBS}/{self.config.sha256}",
            "RepoTags": [self.tag],
            "Layers": [f"{_BLOBS}/{one.sha256}" for one in self.layers],
        }
        members["manifest.json"] = Piece.of(_json([saved]))
        return members


def _blob(document: dict[str, Any], media_type: str) -> Blob:
    piece = Piece.of(_json(document))
    return Blob(piece, piece.sha256(), media_type)


def _json(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
