"""Make the first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    _make_accounts()
    _make_problems()
    _make_running()
    _make_history()


def _make_accounts() -> None:
    """Accounts, what opens them, settings and the audit log."""
    op.create_table(
        "user_account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("oidc_subject", sa.String(length=400), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("is_setter", sa.Boolean(), nullable=False),
        sa.Column("is_holder", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("last_seen_unix_s", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("oidc_subject", name="uq_user_account_oidc_subject"),
    )
    op.create_index("ix_user_account_email", "user_account", ["email"], unique=True)
    op.create_table(
        "web_session",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("last_seen_unix_s", sa.Float(), nullable=False),
        sa.Column("expires_unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_web_session_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_web_session"),
        sa.UniqueConstraint("token_sha256", name="uq_web_session_token_sha256"),
    )
    op.create_index("ix_web_session_user_id", "web_session", ["user_id"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("last_used_unix_s", sa.Float(), nullable=True),
        sa.Column("expires_unix_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_api_token_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_api_token"),
        sa.UniqueConstraint("token_sha256", name="uq_api_token_token_sha256"),
    )
    op.create_index("ix_api_token_user_id", "api_token", ["user_id"])
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_unix_s", sa.Float(), nullable=False),
        sa.Column("blocked_until_unix_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_sign_in_attempts"),
    )
    op.create_table(
        "platform_setting",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_platform_setting"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("unix_s", sa.Float(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_actor_id", "audit", ["actor_id"])
    op.create_index("ix_audit_problem_id", "audit", ["problem_id"])
    op.create_index("ix_audit_unix_s", "audit", ["unix_s"])


def _make_problems() -> None:
    """Problems and who takes part in them."""
    op.create_table(
        "problem",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("status_reason", sa.Text(), nullable=False),
        sa.Column("failure_id", sa.String(length=40), nullable=False),
        sa.Column("wanted", sa.String(length=10), nullable=False),
        sa.Column("selectors", sa.Integer(), nullable=False),
        sa.Column("admission", sa.String(length=10), nullable=False),
        sa.Column("draft", sa.JSON(), nullable=False),
        sa.Column("model_name", sa.String(length=200), nullable=False),
        sa.Column("model_sha256", sa.String(length=64), nullable=False),
        sa.Column("model_summary", sa.JSON(), nullable=False),
        sa.Column("test_file", sa.String(length=200), nullable=False),
        sa.Column("dry_run_of", sa.String(length=64), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("completed_round", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("kept_rounds", sa.JSON(), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("updated_unix_s", sa.Float(), nullable=False),
        sa.Column("published_unix_s", sa.Float(), nullable=True),
        sa.Column("archived_unix_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["user_account.id"], name="fk_problem_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_problem"),
    )
    op.create_index("ix_problem_owner_id", "problem", ["owner_id"])
    op.create_index("ix_problem_status_updated", "problem", ["status", "updated_unix_s"])
    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("requested_unix_s", sa.Float(), nullable=False),
        sa.Column("decided_unix_s", sa.Float(), nullable=True),
        sa.Column("decided_by", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(
            ["decided_by"], ["user_account.id"], name="fk_membership_decided_by"
        ),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_membership_problem_id"),
        sa.ForeignKeyConstraint(["user_id"], ["user_account.id"], name="fk_membership_user_id"),
        sa.PrimaryKeyConstraint("id", name="pk_membership"),
        sa.UniqueConstraint("problem_id", "user_id", name="uq_membership_problem_id"),
    )
    op.create_index("ix_membership_problem_id", "membership", ["problem_id"])
    op.create_index("ix_membership_user_id", "membership", ["user_id"])
    op.create_table(
        "client",
        sa.Column("node_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("membership_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("expires_unix_s", sa.Float(), nullable=False),
        sa.Column("bound_unix_s", sa.Float(), nullable=True),
        sa.Column("last_change", sa.String(length=20), nullable=False),
        sa.Column("last_change_unix_s", sa.Float(), nullable=True),
        sa.Column("selector", sa.String(length=80), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["membership_id"], ["membership.id"], name="fk_client_membership_id"
        ),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_client_problem_id"),
        sa.PrimaryKeyConstraint("node_id", name="pk_client"),
    )
    op.create_index("ix_client_membership_id", "client", ["membership_id"])
    op.create_index("ix_client_problem_id", "client", ["problem_id"])


def _make_running() -> None:
    """What the platform runs, and is asked to."""
    op.create_table(
        "server",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=120), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("starts", sa.Integer(), nullable=False),
        sa.Column("since_unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_server_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_server"),
        sa.UniqueConstraint("problem_id", "name", name="uq_server_problem_id"),
    )
    op.create_index("ix_server_problem_id", "server", ["problem_id"])
    op.create_table(
        "problem_command",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("answered_unix_s", sa.Float(), nullable=True),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["user_account.id"], name="fk_problem_command_actor_id"
        ),
        sa.ForeignKeyConstraint(
            ["problem_id"], ["problem.id"], name="fk_problem_command_problem_id"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_problem_command"),
    )
    op.create_index("ix_problem_command_problem_id", "problem_command", ["problem_id"])
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("steps", sa.JSON(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("argument", sa.Integer(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("created_unix_s", sa.Float(), nullable=False),
        sa.Column("started_unix_s", sa.Float(), nullable=True),
        sa.Column("ended_unix_s", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user_account.id"], name="fk_job_actor_id"),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_job_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_job"),
    )
    op.create_index("ix_job_problem_id", "job", ["problem_id"])


def _make_history() -> None:
    """What became of the rounds."""
    op.create_table(
        "problem_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("journal", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("unix_s", sa.Float(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_problem_event_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_problem_event"),
        sa.UniqueConstraint("problem_id", "journal", "seq", name="uq_problem_event_problem_id"),
    )
    op.create_table(
        "server_round",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("server_round", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("completed", sa.Boolean(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("abandoned_in", sa.String(length=20), nullable=False),
        sa.Column("admitted", sa.Integer(), nullable=False),
        sa.Column("reported", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("train_metrics", sa.JSON(), nullable=False),
        sa.Column("stage_s", sa.JSON(), nullable=False),
        sa.Column("received_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), nullable=False),
        sa.Column("ended_unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_server_round_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_server_round"),
        sa.UniqueConstraint(
            "problem_id", "generation", "server_round", "attempt", name="uq_server_round_problem_id"
        ),
    )
    op.create_table(
        "evaluation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("server_round", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=12), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("clients", sa.Integer(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("superseded", sa.Boolean(), nullable=False),
        sa.Column("unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_evaluation_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_evaluation"),
        sa.UniqueConstraint(
            "problem_id", "generation", "server_round", "source", name="uq_evaluation_problem_id"
        ),
    )
    op.create_table(
        "client_update",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("problem_id", sa.String(length=12), nullable=False),
        sa.Column("node_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("server_round", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("unix_s", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["problem_id"], ["problem.id"], name="fk_client_update_problem_id"),
        sa.PrimaryKeyConstraint("id", name="pk_client_update"),
        sa.UniqueConstraint(
            "problem_id",
            "node_id",
            "generation",
            "server_round",
            "attempt",
            "kind",
            name="uq_client_update_problem_id",
        ),
    )
    op.create_index("ix_client_update_node_id", "client_update", ["node_id"])
    op.create_index(
        "ix_client_update_round", "client_update", ["problem_id", "generation", "server_round"]
    )
