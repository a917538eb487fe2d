"""The database: whether it answers, and whether its schema is this release's."""

from __future__ import annotations

from fedota_proto.errors import DatabaseError
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning
from fedota_server.webserver.schema import known_revisions, newest_revision

_NAME = "database"


def check_database(database: Database) -> list[Finding]:
    """Ask it for its revision.

    Parameters
    ----------
    database
        Not necessarily there.
    """
    if database.file is not None and not database.file.exists():
        return [warning(_NAME, f"{database.file} is not there yet", "`fedota up` makes it.")]
    kind = "SQLite" if database.is_sqlite else "PostgreSQL"
    try:
        revision = database.revision()
    except DatabaseError as error:
        return [
            problem(
                _NAME,
                f"{kind} does not answer ({_first_line(error.detail)})",
                "See to it that it runs and that FEDOTA_DATABASE_URL is right.",
            )
        ]
    if not revision:
        return [warning(_NAME, f"{kind} answers, and is empty", "`fedota up` makes its tables.")]
    if revision == newest_revision():
        return [fine(_NAME, f"{kind} answers, its tables are this release's ({revision})")]
    if revision in known_revisions():
        return [
            warning(
                _NAME,
                f"the tables are an older release's ({revision}, this one's are "
                f"{newest_revision()})",
                "The next `fedota up` brings them up to date; make a backup before.",
            )
        ]
    return [
        problem(
            _NAME,
            f"the tables are of revision {revision}, which this release does not know",
            "Install the newer release that used this database, or restore a backup.",
        )
    ]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else "no reason given"
