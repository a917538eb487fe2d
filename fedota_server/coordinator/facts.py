"""What the coordinator knows of its problem from the start, and tells its selectors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fedota_proto.manifest import Manifest
from fedota_proto.problem import Problem
from fedota_proto.v1 import fl_intra_pb2, fl_records_pb2


@dataclass(frozen=True, slots=True)
class Facts:
    """A published problem, or a Flower app.

    Parameters
    ----------
    problem_id
        Its name on every wire.
    checks
        What every update must keep.
    invite_public_key
        By which selectors check invites, 32 raw bytes.
    problem, problem_toml
        As the setter wrote it; None and empty for an app.
    manifest, manifest_json
        Of the model; None and empty for an app.
    model_path, model_sha256, model_size_bytes
        The ``.keras`` file; None, empty and 0 for an app.
    """

    problem_id: str
    checks: fl_intra_pb2.Checks
    invite_public_key: bytes
    problem: Problem | None = None
    problem_toml: str = ""
    manifest: Manifest | None = None
    manifest_json: str = ""
    model_path: Path | None = None
    model_sha256: bytes = b""
    model_size_bytes: int = 0


def declared_specs(manifest: Manifest) -> tuple[fl_records_pb2.ArraySpec, ...]:
    """Describe a manifest's arrays as every update must bring them, in order."""
    return tuple(
        fl_records_pb2.ArraySpec(
            name=array.name, dtype=array.dtype, shape=array.shape, stype="numpy.ndarray"
        )
        for array in manifest.arrays
    )


def plain_weight(weight: float) -> int | float:
    """Give a number of examples back as an integer where it is one, as Flower's apps write it."""
    return int(weight) if weight.is_integer() else weight
