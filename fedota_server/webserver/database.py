"""The database: sessions, and its schema brought up to this release's.

``with database.session() as session, session.begin():`` opens a transaction that may write. Without
``session.begin()`` a session only reads. SQLite has one writer at a time, so the first kind asks
for the writer's place at once (``BEGIN IMMEDIATE``, waiting up to `BUSY_TIMEOUT_S`): a transaction
that reads first and becomes a writer later would fail where two do so together. Readers wait for
nobody.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import sqlalchemy.orm
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import ORMExecuteState, SessionTransactionOrigin
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from fedota_proto.errors import DatabaseError, FolderError, InternalError, UsageError
from fedota_server.webserver.schema import bring_up_to_date, current_revision, wait_in_line

BUSY_TIMEOUT_S = 10.0

_CONNECT_TIMEOUT_S = 10
_STATEMENT_TIMEOUT_S = 60
_CONNECTIONS = 8
_MORE_CONNECTIONS = 32
# Lock and statement timeouts, deadlock, too many connections.
_BUSY_STATES = frozenset({"55P03", "57014", "40P01", "53300"})


class Database:
    """Hands out sessions; any thread may ask at any time.

    Parameters
    ----------
    url
        ``sqlite:///PATH``, ``postgresql://…`` or ``postgres://…``.

    Raises
    ------
    UsageError
        The URL names no database that Fedota knows.
    """

    def __init__(self, url: str) -> None:
        self._url = _parsed(url)
        self.is_sqlite = self._url.get_backend_name() == "sqlite"
        self._engine = _engine(self._url)
        self._reading = self._engine.execution_options(reading=True)

    def __repr__(self) -> str:
        return f"Database({self._url.render_as_string(hide_password=True)!r})"

    @property
    def file(self) -> Path | None:
        """SQLite's file; None for PostgreSQL."""
        return Path(self._url.database or "").absolute() if self.is_sqlite else None

    def session(self) -> DatabaseSession:
        """Open a session; objects stay readable after its end.

        Raises
        ------
        DatabaseError
            From the ``with`` block: the database does not answer, or is busy for too long.
        """
        return DatabaseSession(self._engine, self._reading)

    def alone(self, session: Session, what: str) -> None:
        """Let one transaction at a time do something, until its end.

        For what no constraint of a table can hold, as that one admin is left. SQLite's writers are
        alone anyway.

        Parameters
        ----------
        what
            Its name; transactions with other names do not wait.
        """
        connection = session.connection()  # begins, if nothing has yet
        if not self.is_sqlite:
            wait_in_line(connection, what)

    def migrate(self) -> None:
        """Bring the schema up to this release's, in one transaction.

        Raises
        ------
        DatabaseError
            The database is of a newer release, of another program, or does not answer.
        FolderError
            SQLite's file cannot be made.
        """
        if self.is_sqlite:
            _make_file(Path(self._url.database or ""))
        try:
            with self._engine.connect() as connection:
                bring_up_to_date(connection)
        except (OperationalError, PoolTimeoutError) as error:
            raise _as_database_error(error) from error

    def revision(self) -> str:
        """Tell which revision the schema is of; empty before the first migration.

        Raises
        ------
        DatabaseError
            The database does not answer.
        """
        try:
            with self._reading.connect() as connection:
                return current_revision(connection)
        except (OperationalError, PoolTimeoutError) as error:
            raise _as_database_error(error) from error

    def close(self) -> None:
        """Close every connection that no session uses."""
        self._engine.dispose()


class DatabaseSession(Session):
    """A session that writes only after ``begin()``, and tells database failures as ours.

    Parameters
    ----------
    writing, reading
        The engine, without and with the option that makes its transactions readers.
    """

    def __init__(self, writing: Engine, reading: Engine) -> None:
        super().__init__(expire_on_commit=False)
        self._writing, self._reading = writing, reading

    def get_bind(self, *args: Any, **kwargs: Any) -> Engine:
        """Choose by how the transaction was opened."""
        return self._writing if _may_write(self) else self._reading

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the session.

        Raises
        ------
        DatabaseError
            In place of the driver's own failure.
        """
        super().__exit__(kind, error, trace)
        if isinstance(error, OperationalError | PoolTimeoutError):
            raise _as_database_error(error) from error


def row_id(value: int | None) -> int:
    """Return the identifier of a row that is in the database.

    Raises
    ------
    InternalError
        The row was never written.
    """
    if value is None:
        raise InternalError("A row was used before it was written.")
    return value


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise _unknown_url() from error
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        defaults = {
            "connect_timeout": str(_CONNECT_TIMEOUT_S),
            "tcp_user_timeout": str(_STATEMENT_TIMEOUT_S * 1000),
            "application_name": "fedota",
        }
        return parsed.set(drivername="postgresql+psycopg", query={**defaults, **dict(parsed.query)})
    if parsed.drivername == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed
    raise _unknown_url()


def _unknown_url() -> UsageError:
    return UsageError(
        "FEDOTA_DATABASE_URL names no database that Fedota knows: it is "
        "postgresql://USER:PASSWORD@HOST/NAME or sqlite:///PATH."
    )


def _engine(url: URL) -> Engine:
    sizes: dict[str, Any] = {
        "pool_size": _CONNECTIONS,
        "max_overflow": _MORE_CONNECTIONS,
        "pool_timeout": _CONNECT_TIMEOUT_S,
    }
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S}, **sizes)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(url, pool_pre_ping=True, **sizes)
        event.listen(engine, "connect", _prepare_postgresql)
    return engine


def _make_file(path: Path) -> None:
    """Make SQLite's file, which nobody but its owner reads."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
    except OSError as error:
        raise FolderError(
            f"The database {path} cannot be written ({error.strerror}): name another place in "
            "FEDOTA_DATABASE_URL or FEDOTA_HOME."
        ) from error


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins nothing by itself
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a commit outlives a power failure
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_postgresql(connection: Any, _: ConnectionPoolEntry) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{BUSY_TIMEOUT_S:g}s'")
        cursor.execute(f"SET statement_timeout = '{_STATEMENT_TIMEOUT_S}s'")
        cursor.execute(f"SET idle_in_transaction_session_timeout = '{_STATEMENT_TIMEOUT_S}s'")
    connection.commit()


def _may_write(session: sqlalchemy.orm.Session) -> bool:
    transaction = session.get_transaction()
    return transaction is not None and transaction.origin is SessionTransactionOrigin.BEGIN


@event.listens_for(DatabaseSession, "before_flush")
def _refuse_flush(session: sqlalchemy.orm.Session, *_: object) -> None:
    if not _may_write(session):
        raise InternalError(
            "A database session wrote without session.begin().", detail=repr(list(session.new))
        )


@event.listens_for(DatabaseSession, "do_orm_execute")
def _refuse_execute(state: ORMExecuteState) -> None:
    if not state.is_select and not _may_write(state.session):
        raise InternalError(
            "A database session wrote without session.begin().", detail=str(state.statement)
        )


def _as_database_error(error: DBAPIError | PoolTimeoutError) -> DatabaseError:
    detail = str(error)
    if isinstance(error, PoolTimeoutError) or _is_busy(error):
        return DatabaseError("The database is busy: try again in a moment.", detail=detail)
    return DatabaseError(
        "The database does not answer: try again in a moment, or have an administrator run "
        "fedota doctor.",
        detail=detail,
    )


def _is_busy(error: DBAPIError) -> bool:
    state = getattr(error.orig, "sqlstate", None)
    name = getattr(error.orig, "sqlite_errorname", "") or ""
    return state in _BUSY_STATES or name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
