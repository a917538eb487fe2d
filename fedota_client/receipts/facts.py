"""What a receipt says of an update, read from the update itself."""

from __future__ import annotations

import hashlib
import math
from typing import Any

from fedota_client.update_store import KeptUpdate
from fedota_client.worker_protocol import payload_records
from fedota_proto.record_table import Records
from fedota_proto.v1 import fl_round_pb2 as pb

_WEIGHT_KEY = "num-examples"


def model_sha256(records: Records) -> str:
    """Return the hash of a model as it came in a task.

    Parameters
    ----------
    records
        Of the task.

    Returns
    -------
    str
        SHA-256 in hex over each array's name, a zero byte and the SHA-256 of its bytes, in order;
        empty where the arrays came without their hashes.
    """
    arrays = [(name, one) for record in records.arrays.values() for name, one in record.items()]
    if not arrays or not all(one.sha256 for _, one in arrays):
        return ""
    digest = hashlib.sha256()
    for name, one in arrays:
        digest.update(name.encode() + b"\0" + one.sha256)
    return digest.hexdigest()


def update_facts(update: KeptUpdate) -> dict[str, Any]:
    """Write down what leaves with an update.

    Parameters
    ----------
    update
        As it is sent.

    Returns
    -------
    dict
        JSON values.
    """
    facts: dict[str, Any] = {
        "task_id": update.task_id,
        "round": list(update.key),
        "message_type": update.message_type,
        "model_in": update.model_in,
        "update_sha256": update.update_sha256.hex(),
        "bytes": update.payload.nbytes,
    }
    if update.failure is not None:
        code, reason = update.failure
        return {**facts, "failure": {"code": code, "reason": reason}}
    metrics: dict[str, Any] = {
        name: _finite(value)
        for record in payload_records(update.payload).metrics.values()
        for name, value in record.items()
    }
    weight = metrics.pop(_WEIGHT_KEY, None)
    return {**facts, "weight": weight, "metrics": metrics, "privacy": update.privacy or None}


def _finite(value: Any) -> Any:
    """Write what JSON has no number for, as a diverged loss, as a text."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def outcome_facts(outcome: pb.Outcome) -> dict[str, Any]:
    """Write down an outcome with everything that the coordinator's signature covers."""
    return {
        "outcome": pb.OutcomeKind.Name(outcome.kind),
        "code": outcome.code,
        "reason": outcome.reason,
        "counted_weight": outcome.weight,
        "signed_sha256": outcome.update_sha256.hex(),
        "coordinator_signature": outcome.signature.hex(),
    }


def outcome_of(fields: dict[str, Any]) -> pb.Outcome:
    """Read back the outcome that a line holds.

    Raises
    ------
    KeyError, ValueError, TypeError
        The line holds none.
    """
    generation, server_round, attempt = (int(part) for part in fields["round"])
    outcome = pb.Outcome(
        task_id=int(fields["task_id"]),
        message_type=str(fields["message_type"]),
        kind=pb.OutcomeKind.Value(str(fields["outcome"])),
        code=str(fields["code"]),
        reason=str(fields["reason"]),
        weight=float(fields["counted_weight"]),
        update_sha256=bytes.fromhex(fields["signed_sha256"]),
        signature=bytes.fromhex(fields["coordinator_signature"]),
    )
    outcome.round.generation = generation
    outcome.round.server_round = server_round
    outcome.round.attempt = attempt
    return outcome
