""".keras files without TensorFlow: the check, and weights as named arrays.

A file passes `check_model_file` only if every member of its zip, every object in its config.json
and every link in its weights is one that Keras writes and that runs nobody's code, opens no file
and fits into the limits. `read_weights` and `write_weights` judge zip and weights by themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from fedota_proto.errors import ModelFileError
from fedota_proto.keras_allowlist import allowlist
from fedota_proto.model_archive import CONFIG, METADATA, WEIGHTS, ModelArchive, open_archive
from fedota_proto.model_config import LayerSummary, parse_config, refuse, summarise
from fedota_proto.model_config_walk import ConfigWalk
from fedota_proto.model_limits import ModelLimits
from fedota_proto.model_weights import open_weights, read_array, write_arrays
from fedota_proto.model_weights_walk import StoredArray

__all__ = [
    "LayerSummary",
    "ModelLimits",
    "ModelSummary",
    "StoredArray",
    "check_model_file",
    "read_weights",
    "write_weights",
]

_COPY_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """What a model file that passed the check contains.

    Parameters
    ----------
    layers
        Of the outermost model, in order: what will run.
    arrays
        The federated arrays, in the natural order of their names (the manifest fixes the order
        in which they travel).
    optimizer, loss, metrics
        Of the compilation, by name; a loss for each output.
    inputs
        Names of the input layers.
    keras_version
        That saved it.
    """

    layers: tuple[LayerSummary, ...]
    arrays: tuple[StoredArray, ...]
    optimizer: str
    loss: tuple[str, ...]
    metrics: tuple[str, ...]
    inputs: tuple[str, ...]
    keras_version: str

    @property
    def parameters(self) -> int:
        """Numbers in all federated arrays."""
        return sum(array.parameters for array in self.arrays)

    @property
    def size_bytes(self) -> int:
        """Size of all federated arrays, in bytes."""
        return sum(array.size_bytes for array in self.arrays)


def check_model_file(path: Path, *, limits: ModelLimits | None = None) -> ModelSummary:
    """Walk a whole model file: zip, configuration, compilation, assets, weights.

    Parameters
    ----------
    path
        A ``.keras`` file, hostile until proven otherwise.
    limits
        How large it may be; None: the defaults.

    Returns
    -------
    ModelSummary
        What it contains. Plain Keras may now load it.

    Raises
    ------
    ModelFileError
        At the first thing that is refused: one sentence with what, where and what to do.
    """
    limits = limits or ModelLimits()
    with _speaking_of(path), open_archive(path, limits) as archive:
        document = parse_config(archive.read(CONFIG))
        ConfigWalk(allowlist(), limits).walk(document)
        config = summarise(document)
        keras_version = _keras_version(archive.read(METADATA))
        archive.check_assets()
        with (
            archive.unpacked(WEIGHTS) as file,
            open_weights(file, limits, layer_groups=config.weight_groups) as (_, arrays),
        ):
            if not arrays:
                refuse(
                    WEIGHTS,
                    "the model has no weights to train; give it an input shape or call it once, "
                    "then save it again",
                )
    return ModelSummary(
        layers=config.layers,
        arrays=arrays,
        optimizer=config.optimizer,
        loss=config.loss,
        metrics=config.metrics,
        inputs=config.inputs,
        keras_version=keras_version,
    )


def read_weights(path: Path, *, limits: ModelLimits | None = None) -> dict[str, np.ndarray]:
    """Read the federated arrays of a model file: floating-point variables under ``layers/``.

    Parameters
    ----------
    path
        A ``.keras`` file.
    limits
        How large it may be; None: the defaults.

    Returns
    -------
    dict of str to ndarray
        By name, as ``layers/dense/vars/0``, in natural order; C order, little-endian.

    Raises
    ------
    ModelFileError
        If zip or weights are not what Keras writes.
    """
    limits = limits or ModelLimits()
    with (
        _speaking_of(path),
        open_archive(path, limits) as archive,
        archive.unpacked(WEIGHTS) as member,
        open_weights(member, limits) as (file, arrays),
    ):
        return {array.name: read_array(file, array) for array in arrays}


def write_weights(
    src_path: Path,
    arrays: Mapping[str, np.ndarray],
    out_path: Path,
    *,
    limits: ModelLimits | None = None,
) -> None:
    """Write a copy of a model file with other weights, which plain Keras loads.

    Parameters
    ----------
    src_path
        A ``.keras`` file.
    arrays
        All its federated arrays by name, with their dtypes and shapes.
    out_path
        Where to; written beside, flushed to disk and renamed. May be `src_path`.
    limits
        How large it may be; None: the defaults.

    Raises
    ------
    ModelFileError
        If zip or weights are not what Keras writes, or a name, dtype or shape differs; `out_path`
        is then as it was.
    OSError
        If `out_path` cannot be written.
    """
    limits = limits or ModelLimits()
    with (
        _speaking_of(src_path),
        open_archive(src_path, limits) as archive,
        archive.unpacked(WEIGHTS) as member,
    ):
        with open_weights(member, limits, writable=True) as (file, stored):
            write_arrays(file, stored, arrays)
        descriptor, beside = tempfile.mkstemp(prefix=f".{out_path.name}.", dir=out_path.parent)
        try:
            with os.fdopen(descriptor, "w+b") as target:
                _pack(archive, member, target)
                target.flush()
                os.fsync(target.fileno())
            Path(beside).chmod(0o644)
            os.replace(beside, out_path)
        except BaseException:
            Path(beside).unlink(missing_ok=True)
            raise


def _pack(archive: ModelArchive, weights: BinaryIO, target: BinaryIO) -> None:
    with zipfile.ZipFile(target, "w") as packed:
        for member in archive.members:
            if member.filename == WEIGHTS:
                weights.seek(0)
                with packed.open(WEIGHTS, "w", force_zip64=False) as file:
                    shutil.copyfileobj(weights, file, _COPY_BYTES)
            elif member.is_dir():
                packed.writestr(member.filename, b"")
            else:
                packed.writestr(member.filename, archive.read(member.filename))


@contextmanager
def _speaking_of(path: Path) -> Iterator[None]:
    """Put the file's name in front of every sentence."""
    try:
        yield
    except ModelFileError as error:
        raise ModelFileError(f"{path.name}: {error.public_message}", place=error.place) from None


def _keras_version(data: bytes) -> str:
    try:
        version = json.loads(data).get("keras_version")
    except (ValueError, RecursionError, AttributeError):
        version = None
    if not isinstance(version, str) or not version.startswith("3.") or not version.isprintable():
        refuse(
            METADATA,
            "the file was not saved by Keras 3; load the model with Keras 3 and save it with "
            'model.save("model.keras")',
        )
    return version[:50]
