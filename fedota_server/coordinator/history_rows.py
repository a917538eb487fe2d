"""The rows of a problem's history, and the form in which JSON holds them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fedota_server.coordinator.round_key import RoundKey

COUNTED: Final = "counted"
LATE: Final = "late"
ABANDONED: Final = "abandoned"
REJECTED: Final = "rejected"


@dataclass(frozen=True, slots=True)
class UpdateEntry:
    """What became of one client's update.

    Parameters
    ----------
    node_id, task_id
        Whose it was, and for which task.
    outcome
        ``counted``, ``late``, ``abandoned`` or ``rejected``.
    weight
        Number of examples.
    update_sha256
        As its sender declared it.
    code, reason
        Of a rejection, else empty.
    """

    node_id: int
    task_id: int
    outcome: str = COUNTED
    weight: float = 0.0
    update_sha256: bytes = b""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundRow:
    """The end of one attempt at a server round.

    Parameters
    ----------
    generation, server_round, attempt
        The round's key.
    completed
        False: abandoned, the model is unchanged.
    ended_unix_s
        When.
    reason, abandoned_in
        Why and in which stage it was abandoned, else empty.
    stage_s
        Seconds in each stage.
    admitted, reported, failed, rejected
        Numbers of clients.
    weight
        Number of examples of all counted updates.
    metrics
        Training metrics, averaged.
    received_bytes, sent_bytes
        Of the round's traffic.
    entries
        What became of each update: the outcomes that clients ask for later.
    """

    generation: int
    server_round: int
    attempt: int
    completed: bool
    ended_unix_s: float
    reason: str = ""
    abandoned_in: str = ""
    stage_s: dict[str, float] = field(default_factory=dict)
    admitted: int = 0
    reported: int = 0
    failed: int = 0
    rejected: int = 0
    weight: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)
    received_bytes: int = 0
    sent_bytes: int = 0
    entries: tuple[UpdateEntry, ...] = ()

    @property
    def key(self) -> RoundKey:
        """Generation, server round and attempt."""
        return RoundKey(self.generation, self.server_round, self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """A completed round's model, evaluated by its clients.

    Parameters
    ----------
    generation, server_round, attempt
        Key of the round that made the model.
    ended_unix_s
        When.
    metrics
        Averaged over those who sent them.
    clients
        How many reported.
    weight
        Number of examples that they evaluated on.
    entries
        What became of each client's report.
    """

    generation: int
    server_round: int
    attempt: int
    ended_unix_s: float
    metrics: dict[str, float] = field(default_factory=dict)
    clients: int = 0
    weight: float = 0.0
    entries: tuple[UpdateEntry, ...] = ()

    @property
    def key(self) -> RoundKey:
        """Generation, server round and attempt."""
        return RoundKey(self.generation, self.server_round, self.attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackRow:
    """A roll-back: rounds of earlier generations after `to_round` are superseded.

    Parameters
    ----------
    generation
        The one that it opens.
    to_round
        Numbering goes on from here.
    at_unix_s
        When.
    """

    generation: int
    to_round: int
    at_unix_s: float


Row = RoundRow | EvaluationRow | RollBackRow
Settled = tuple[RoundRow | EvaluationRow, UpdateEntry]
_KINDS: dict[str, type[RoundRow] | type[EvaluationRow] | type[RollBackRow]] = {
    "round": RoundRow,
    "evaluation": EvaluationRow,
    "roll-back": RollBackRow,
}
_NAMES = {cls: name for name, cls in _KINDS.items()}


def row_document(row: Row) -> dict[str, Any]:
    """Turn a row into what JSON can hold.

    Parameters
    ----------
    row
        Any row.

    Returns
    -------
    dict
        ``kind`` says which row it is; hashes are hexadecimal.
    """
    document = {"kind": _NAMES[type(row)], **dataclasses.asdict(row)}
    for entry in document.get("entries", ()):
        entry["update_sha256"] = entry["update_sha256"].hex()
    return document


def row_from_document(document: Mapping[str, Any]) -> Row:
    """Read what `row_document` made.

    Parameters
    ----------
    document
        Keys that this release does not know are left out.

    Returns
    -------
    RoundRow, EvaluationRow or RollBackRow
        Equal to the row that was written.

    Raises
    ------
    ValueError
        If it is no such row.
    """
    try:
        cls = _KINDS[document["kind"]]
        fields = _known(cls, document)
        if "entries" in fields:
            fields["entries"] = tuple(_entry(entry) for entry in fields["entries"])
        return cls(**fields)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no row of a history: {error!r}") from error


def _entry(document: Mapping[str, Any]) -> UpdateEntry:
    fields = _known(UpdateEntry, document)
    return UpdateEntry(**{**fields, "update_sha256": bytes.fromhex(fields["update_sha256"])})


def _known(cls: type[Any], document: Mapping[str, Any]) -> dict[str, Any]:
    return {f.name: document[f.name] for f in dataclasses.fields(cls) if f.name in document}
