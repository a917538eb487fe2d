"""What Alembic runs around the revisions; the connection is given by `Database.migrate`."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel.sql.sqltypes import AutoString

from fedota_server.webserver import tables


def _render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Write SQLModel's strings into a new revision as SQLAlchemy's own."""
    if kind == "type" and isinstance(item, AutoString):
        return f"sa.String(length={item.length})"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=tables.User.metadata,
    render_as_batch=True,
    render_item=_render,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
