"""What became of rounds, models and updates."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RoundView:
    """An attempt at a server round that ended.

    Parameters
    ----------
    row_id
        Counted up as rounds end; names the place in the list.
    generation, server_round, attempt
        Which.
    completed, superseded
        Else abandoned; whether a roll-back set it aside.
    reason, abandoned_in
        Why it was abandoned, and in which stage.
    admitted, reported, failed, rejected
        Clients that were admitted; of those, whose updates were counted, who failed, whose update
        was refused.
    weight
        Examples behind the counted updates.
    train_metrics
        Their means.
    stage_s
        Seconds in each stage, by its name.
    received_bytes, sent_bytes
        Traffic of all selectors.
    ended_unix_s
        When.
    """

    row_id: int
    generation: int
    server_round: int
    attempt: int
    completed: bool
    superseded: bool
    reason: str
    abandoned_in: str
    admitted: int
    reported: int
    failed: int
    rejected: int
    weight: float
    train_metrics: dict[str, float]
    stage_s: dict[str, float]
    received_bytes: int
    sent_bytes: int
    ended_unix_s: float

    @property
    def dropped(self) -> int:
        """Admitted clients of which nothing came: neither an update nor a failure."""
        return max(0, self.admitted - self.reported - self.failed - self.rejected)


@dataclass(frozen=True)
class EvaluationView:
    """A completed round's model, scored.

    Parameters
    ----------
    generation, server_round
        Which.
    source
        ``federated`` (on the holders' held-out examples) or ``test file`` (the setter's).
    metrics
        Means, weighted by examples.
    clients, weight
        How many holders and examples.
    superseded
        Whether a roll-back set the round aside.
    unix_s
        When.
    """

    generation: int
    server_round: int
    source: str
    metrics: dict[str, float]
    clients: int
    weight: float
    superseded: bool
    unix_s: float


@dataclass(frozen=True)
class UpdateView:
    """What became of one client's update.

    Parameters
    ----------
    node_id, client, member
        Whose: the client, its name, its holder's name.
    generation, server_round, attempt, kind
        Of which round; ``train`` or ``evaluate``.
    outcome
        ``counted``, ``late``, ``abandoned`` or ``rejected``.
    code, reason
        Which check, and why, where it was not counted.
    weight, size_bytes
        Examples; bytes that travelled.
    unix_s
        When.
    """

    node_id: int
    client: str
    member: str
    generation: int
    server_round: int
    attempt: int
    kind: str
    outcome: str
    code: str
    reason: str
    weight: float
    size_bytes: int
    unix_s: float
