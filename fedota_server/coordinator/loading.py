"""Reads what a coordinator starts from: keys, the problem and its model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.credential import ReceiptKey
from fedota_proto.errors import FolderError, ModelFileError
from fedota_proto.manifest import Manifest
from fedota_proto.problem import PROBLEM_FILE, read_problem
from fedota_proto.records import Arrays
from fedota_proto.tls import ServerIdentity, load_identity
from fedota_proto.v1 import fl_intra_pb2, fl_round_pb2
from fedota_server.coordinator.facts import Facts
from fedota_server.coordinator.history import COUNTED, LATE, REJECTED, History, RoundRow
from fedota_server.coordinator.problem_checks import problem_checks
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.tensor_file import read_tensors

_KINDS = {
    COUNTED: fl_round_pb2.COUNTED,
    LATE: fl_round_pb2.LATE,
    REJECTED: fl_round_pb2.REJECTED,
}


@dataclass(frozen=True)
class Keys:
    """What the coordinator's process holds of the problem's keys."""

    identity: ServerIdentity
    ca_pem: bytes
    receipt: ReceiptKey
    invite_public_key: bytes


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FolderError(
            f"{path} cannot be read ({error.strerror}): check the folder and its owner."
        ) from error


def load_keys(folder: Path) -> Keys:
    """Read the keys.

    Raises
    ------
    FolderError
        One is missing or damaged.
    """
    try:
        invite_public_key = bytes.fromhex(_read(folder / "invite.pub").decode())
    except ValueError as error:
        raise FolderError(f"{folder / 'invite.pub'} is damaged: restore it.") from error
    return Keys(
        identity=load_identity(folder / "coordinator"),
        ca_pem=_read(folder / "ca.pem"),
        receipt=ReceiptKey.load(folder / "receipt.key"),
        invite_public_key=invite_public_key,
    )


def _identity(folder: Path) -> tuple[str, bytes]:
    """Read the problem's id and the digest of its model, empty for an app."""
    path = folder / "problem.json"
    try:
        document = json.loads(_read(path))
        return str(document["problem_id"]), bytes.fromhex(document.get("model_sha256", ""))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FolderError(f"{path} is damaged: restore it from a backup.") from error


def load_problem(folder: Path, problem_dir: Path, invite_public_key: bytes) -> Facts:
    """Read a published problem.

    Parameters
    ----------
    folder
        Its .fedota folder.
    problem_dir
        With problem.toml and the model.
    invite_public_key
        For the selectors.

    Raises
    ------
    FolderError, ProblemFileError, ModelFileError
        Something is missing or wrong, in one sentence.
    """
    problem_id, model_sha256 = _identity(folder)
    problem = read_problem(problem_dir)
    manifest_json = _read(folder / "manifest.json").decode()
    manifest = Manifest.from_json(manifest_json)
    model_path = problem_dir / problem.model_file
    return Facts(
        problem_id=problem_id,
        checks=problem_checks(problem, manifest),
        invite_public_key=invite_public_key,
        problem=problem,
        problem_toml=_read(problem_dir / PROBLEM_FILE).decode(),
        manifest=manifest,
        manifest_json=manifest_json,
        model_path=model_path,
        model_sha256=model_sha256,
        model_size_bytes=model_path.stat().st_size,
    )


def load_app(folder: Path, invite_public_key: bytes, update_max_bytes: int) -> Facts:
    """Read what there is of a problem around a Flower app.

    Raises
    ------
    FolderError
        The folder has no problem.json.
    """
    problem_id, _ = _identity(folder)
    checks = fl_intra_pb2.Checks(
        declared=False, weight_key="num-examples", update_max_bytes=update_max_bytes
    )
    return Facts(problem_id=problem_id, checks=checks, invite_public_key=invite_public_key)


def load_initial(folder: Path, manifest: Manifest) -> Arrays:
    """Read the model as its setter published it.

    Returns
    -------
    Arrays
        In the manifest's order.

    Raises
    ------
    ModelFileError
        The file is missing, damaged, or does not fit the manifest.
    """
    path = folder / "initial.safetensors"
    try:
        arrays, _ = read_tensors(path)
        ordered = {array.name: arrays[array.name] for array in manifest.arrays}
    except (OSError, ValueError, KeyError) as error:
        raise ModelFileError(
            f"{path} is missing or damaged: make it anew with `fedota problem check`.",
            place=path.name,
        ) from error
    for declared in manifest.arrays:
        array = ordered[declared.name]
        if (array.dtype, array.shape) != (declared.dtype, declared.shape):
            raise ModelFileError(
                f"{path}: {declared.name} is {array.dtype} of shape {array.shape}, and the "
                f"manifest says {declared.dtype} of shape {declared.shape}: make both anew with "
                "`fedota problem check`.",
                place=declared.name,
            )
    return ordered


def earlier_outcome(history: History, node_id: int, task_id: int) -> fl_round_pb2.Outcome | None:
    """Find the outcome of an earlier process's task, unsigned."""
    found = history.outcome_of(node_id, task_id)
    if found is None:
        return None
    row, entry = found
    return fl_round_pb2.Outcome(
        task_id=entry.task_id,
        round=RoundKey(*row.key).to_proto(),
        message_type="train" if isinstance(row, RoundRow) else "evaluate",
        kind=_KINDS.get(entry.outcome, fl_round_pb2.ROUND_ABANDONED),
        code=entry.code,
        reason=entry.reason,
        weight=entry.weight,
        update_sha256=entry.update_sha256,
    )
