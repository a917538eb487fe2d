"""The database's tables. Times are seconds since 1970, UTC; identifiers of rows count from 1.

No secret stands here in clear: passwords as argon2 hashes, tokens and codes as SHA-256.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

# Every constraint bears a name by which a later revision can drop it, in SQLite too.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class User(SQLModel, table=True):
    """An account."""

    __tablename__ = "user_account"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(unique=True, index=True, max_length=254)  # lower case
    name: str = Field(max_length=80)
    password_hash: str | None = Field(default=None, max_length=200)
    oidc_subject: str | None = Field(default=None, unique=True, max_length=400)  # issuer|subject
    is_admin: bool = False
    is_setter: bool = False
    is_holder: bool = True
    disabled: bool = False
    must_change_password: bool = False
    created_unix_s: float
    last_seen_unix_s: float | None = None


class WebSession(SQLModel, table=True):
    """A signed-in browser."""

    __tablename__ = "web_session"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user_account.id", index=True)
    token_sha256: str = Field(unique=True, max_length=64)
    browser: str = Field(default="", max_length=200)
    created_unix_s: float
    last_seen_unix_s: float
    expires_unix_s: float


class ApiToken(SQLModel, table=True):
    """A token for scripts."""

    __tablename__ = "api_token"

    id: int | None = Field(default=None, primary_key=True)
    user_id: int = Field(foreign_key="user_account.id", index=True)
    name: str = Field(max_length=80)
    token_sha256: str = Field(unique=True, max_length=64)
    created_unix_s: float
    last_used_unix_s: float | None = None
    expires_unix_s: float | None = None


class Attempts(SQLModel, table=True):
    """Failed attempts to sign in, by account and by address, for throttling."""

    __tablename__ = "sign_in_attempts"

    key: str = Field(primary_key=True, max_length=300)
    failures: int = 0
    last_unix_s: float
    blocked_until_unix_s: float = 0.0


class PlatformSetting(SQLModel, table=True):
    """A setting that an administrator changes while the platform runs."""

    __tablename__ = "platform_setting"

    key: str = Field(primary_key=True, max_length=80)
    value: Any = Field(sa_column=Column(JSON, nullable=False))


class ProblemRow(SQLModel, table=True):
    """A problem, from its draft on."""

    __tablename__ = "problem"
    __table_args__ = (Index("ix_problem_status_updated", "status", "updated_unix_s"),)

    id: str = Field(primary_key=True, max_length=12)  # the problem id, twelve hexadecimal digits
    owner_id: int = Field(foreign_key="user_account.id", index=True)
    title: str = Field(default="", max_length=200)
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    status: str = Field(default="draft", max_length=40)  # statuses.Status
    status_reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    failure_id: str = Field(default="", max_length=40)
    wanted: str = Field(default="stopped", max_length=10)  # stopped | serving
    selectors: int = 2
    admission: str = Field(default="approval", max_length=10)  # anyone | approval
    # The steps of the form, as the sections of problem.toml: data, strategy, rounds, training.
    draft: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    model_name: str = Field(default="", max_length=200)
    model_sha256: str = Field(default="", max_length=64)
    model_summary: dict[str, Any] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    test_file: str = Field(default="", max_length=200)
    dry_run_of: str = Field(default="", max_length=64)  # hash of what the last dry run passed with
    rounds: int = 0
    completed_round: int = 0
    generation: int = 0
    kept_rounds: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    created_unix_s: float
    updated_unix_s: float
    published_unix_s: float | None = None
    archived_unix_s: float | None = None


class CommandRow(SQLModel, table=True):
    """A command to a problem's coordinator, kept until it is answered."""

    __tablename__ = "problem_command"

    id: str = Field(primary_key=True, max_length=32)
    problem_id: str = Field(foreign_key="problem.id", index=True, max_length=12)
    what: str = Field(max_length=20)  # pause, resume, stop, roll_back_to, revoke
    value: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    actor_id: int | None = Field(default=None, foreign_key="user_account.id")
    created_unix_s: float
    answered_unix_s: float | None = None
    done: bool = False
    message: str = Field(default="", sa_column=Column(Text, nullable=False))


class MembershipRow(SQLModel, table=True):
    """A data holder's right to take part in a problem."""

    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("problem_id", "user_id"),)

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", index=True, max_length=12)
    user_id: int = Field(foreign_key="user_account.id", index=True)
    state: str = Field(max_length=12)  # requested, approved, declined, left, revoked
    note: str = Field(default="", max_length=1000)
    requested_unix_s: float
    decided_unix_s: float | None = None
    decided_by: int | None = Field(default=None, foreign_key="user_account.id")


class ClientRow(SQLModel, table=True):
    """One client that an invite enrols, and what is known of it."""

    __tablename__ = "client"

    node_id: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    problem_id: str = Field(foreign_key="problem.id", index=True, max_length=12)
    membership_id: int = Field(foreign_key="membership.id", index=True)
    name: str = Field(max_length=80)
    created_unix_s: float
    expires_unix_s: float
    bound_unix_s: float | None = None
    last_change: str = Field(default="", max_length=20)  # of MemberChanged
    last_change_unix_s: float | None = None
    away_until_unix_s: float | None = None  # while away: when it means to be back
    selector: str = Field(default="", max_length=80)
    ready: bool = False  # it said that its data keeps the format


class EventRow(SQLModel, table=True):
    """An event of a coordinator, as it came; stored once."""

    __tablename__ = "problem_event"
    __table_args__ = (UniqueConstraint("problem_id", "journal", "seq"),)

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", max_length=12)
    journal: int = 0  # counted up when a coordinator counts its events anew
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    unix_s: float
    kind: str = Field(max_length=20)  # the name of the event's body
    body: str = Field(sa_column=Column(Text, nullable=False))  # JSON of the whole event


class RoundRow(SQLModel, table=True):
    """A round that ended."""

    __tablename__ = "server_round"
    __table_args__ = (UniqueConstraint("problem_id", "generation", "server_round", "attempt"),)

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", max_length=12)
    generation: int
    server_round: int
    attempt: int
    completed: bool
    superseded: bool = False
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    abandoned_in: str = Field(default="", max_length=20)
    admitted: int = 0
    reported: int = 0
    failed: int = 0
    rejected: int = 0
    weight: float = 0.0
    train_metrics: dict[str, float] = Field(
        default_factory=dict, sa_column=Column(JSON, nullable=False)
    )
    stage_s: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    received_bytes: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    sent_bytes: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    ended_unix_s: float


class EvaluationRow(SQLModel, table=True):
    """A completed round's model, scored."""

    __tablename__ = "evaluation"
    __table_args__ = (UniqueConstraint("problem_id", "generation", "server_round", "source"),)

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", max_length=12)
    generation: int
    server_round: int
    source: str = Field(max_length=12)  # federated | test file
    metrics: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    clients: int = 0
    weight: float = 0.0
    superseded: bool = False
    unix_s: float


class UpdateRow(SQLModel, table=True):
    """What became of one update."""

    __tablename__ = "client_update"
    __table_args__ = (
        UniqueConstraint("problem_id", "node_id", "generation", "server_round", "attempt", "kind"),
        Index("ix_client_update_round", "problem_id", "generation", "server_round"),
    )

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", max_length=12)
    node_id: int = Field(sa_column=Column(BigInteger, nullable=False, index=True))
    generation: int
    server_round: int
    attempt: int
    kind: str = Field(max_length=40)  # train, evaluate
    outcome: str = Field(max_length=20)  # counted, late, abandoned, rejected
    code: str = Field(default="", max_length=60)
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    weight: float = 0.0
    size_bytes: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    unix_s: float


class JobRow(SQLModel, table=True):
    """Long work that the webserver does for somebody: inspect, dry run, score."""

    __tablename__ = "job"

    id: str = Field(primary_key=True, max_length=12)
    problem_id: str = Field(foreign_key="problem.id", index=True, max_length=12)
    kind: str = Field(max_length=20)  # inspect, dry run, score
    state: str = Field(default="queued", max_length=10)  # queued, running, done, failed
    steps: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    message: str = Field(default="", sa_column=Column(Text, nullable=False))
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    argument: int = 0  # the server round to score
    actor_id: int | None = Field(default=None, foreign_key="user_account.id")
    created_unix_s: float
    started_unix_s: float | None = None
    ended_unix_s: float | None = None


class AuditRow(SQLModel, table=True):
    """Who did what, when: never changed, never removed."""

    __tablename__ = "audit"

    id: int | None = Field(default=None, primary_key=True)
    unix_s: float = Field(index=True)
    actor_id: int | None = Field(default=None, index=True)
    actor: str = Field(max_length=80)
    action: str = Field(max_length=60)
    problem_id: str = Field(default="", index=True, max_length=12)
    subject: str = Field(default="", max_length=200)  # the user, round, client … acted on
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))


class ServerRow(SQLModel, table=True):
    """A server that the supervisor runs or ran, as last seen."""

    __tablename__ = "server"
    __table_args__ = (UniqueConstraint("problem_id", "name"),)

    id: int | None = Field(default=None, primary_key=True)
    problem_id: str = Field(foreign_key="problem.id", index=True, max_length=12)
    name: str = Field(max_length=40)  # coordinator, selector-1 …
    state: str = Field(max_length=20)  # starting, running, backing off, given up, stopped
    address: str = Field(default="", max_length=120)
    detail: str = Field(default="", sa_column=Column(Text, nullable=False))
    starts: int = 0
    since_unix_s: float
