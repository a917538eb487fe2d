"""Keep when a client that is away means to be back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the moment to every client; nobody's is known."""
    op.add_column("client", sa.Column("away_until_unix_s", sa.Float(), nullable=True))
