"""What the receipts come to: one row for each update, and the sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

_NO_OUTCOME = "no outcome known"
_WORDS = {
    "COUNTED": "counted",
    "LATE": "came too late",
    "ROUND_ABANDONED": "round abandoned",
    "REJECTED": "rejected",
}


@dataclass(slots=True)
class Row:
    """One update.

    Parameters
    ----------
    fields
        Of its newest line.
    sent_unix_s
        When it left, 0 where only its outcome is written.
    """

    fields: dict[str, Any]
    sent_unix_s: float = 0.0

    @property
    def server_round(self) -> int:
        """The round it belongs to."""
        return int(self.fields["round"][1])

    @property
    def outcome(self) -> str:
        """What became of it, in words."""
        fields = self.fields
        if "outcome" not in fields:
            return _NO_OUTCOME
        words = _WORDS.get(fields["outcome"], "unknown")
        return f"{words}: {fields['reason']}" if fields["reason"] else words

    @property
    def metrics(self) -> str:
        """Weight and metrics that left, in words."""
        fields = self.fields
        if "failure" in fields:
            return f"failure {fields['failure']['code']}"
        parts = [f"weight {fields['weight']}"] if fields.get("weight") is not None else []
        for name, value in (fields.get("metrics") or {}).items():
            parts.append(f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}")
        return ", ".join(parts)


@dataclass(slots=True)
class Account:
    """All rows of a book.

    Parameters
    ----------
    rows
        In the order in which they left.
    bytes
        That left in all.
    counted
        Updates that were counted in training.
    epsilon_total, delta
        What noise cost in all, 0 without noise.
    """

    rows: list[Row] = field(default_factory=list)
    bytes: int = 0
    counted: int = 0
    epsilon_total: float = 0.0
    delta: float = 0.0


def account_of(lines: Iterable[dict[str, Any]]) -> Account:
    """Sum up a book's lines.

    Parameters
    ----------
    lines
        As `fedota_client.receipts.checking` read them.
    """
    account = Account()
    rows: dict[int, Row] = {}
    for fields in lines:
        kind, task_id = fields.get("kind"), fields.get("task_id")
        if kind == "sent" and isinstance(task_id, int):
            rows[task_id] = Row(fields, float(fields.get("unix_s", 0.0)))
            account.bytes += int(fields.get("bytes", 0))
            privacy = fields.get("privacy") or {}
            account.epsilon_total = max(
                account.epsilon_total, float(privacy.get("epsilon_total", 0.0))
            )
            account.delta = float(privacy.get("delta", account.delta))
        elif kind == "outcome" and isinstance(task_id, int):
            row = rows.setdefault(task_id, Row(fields))
            row.fields = fields
            is_training = str(fields.get("message_type", "")).partition(".")[0] == "train"
            account.counted += fields.get("outcome") == "COUNTED" and is_training
    account.rows = list(rows.values())
    return account
