"""Write the database revision that the tables of tables.py ask for.

``python tools/make_migration.py 0002 "Say what changes"`` compares the tables with the newest
revision's schema and writes `fedota_server/webserver/migrations/versions/r0002_….py`, to be read,
mended and formatted by hand.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy import create_engine

from fedota_server.webserver.database import Database
from fedota_server.webserver.schema import migration_config


def main(revision: str, message: str) -> None:
    """Write the revision's file."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/schema.db"
        Database(url).migrate()
        config = migration_config()
        config.set_main_option("file_template", "r%%(rev)s_%%(slug)s")
        with create_engine(url).connect() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(f"usage: python {Path(__file__).name} REVISION MESSAGE")
    main(*sys.argv[1:])
