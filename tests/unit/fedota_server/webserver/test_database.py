"""Sessions, and a schema that the revisions make exactly."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

from fedota_proto.errors import DatabaseError, FolderError, InternalError, UsageError
from fedota_server.webserver.database import Database
from fedota_server.webserver.schema import newest_revision
from fedota_server.webserver.tables import PlatformSetting, ProblemRow, User, WebSession


def connection_to(url: str) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


def run(url: str, statement: str) -> None:
    engine = connection_to(url)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.text(statement))
    engine.dispose()


def put(database: Database, key: str, value: object) -> None:
    with database.session() as session, session.begin():
        session.add(PlatformSetting(key=key, value=value))


def test_the_revisions_make_exactly_the_tables(bare_url: str) -> None:
    database = Database(bare_url)
    assert database.revision() == ""
    database.migrate()
    assert database.revision() == newest_revision()
    database.close()
    engine = connection_to(bare_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, User.metadata) == []
    engine.dispose()


def test_constraints_bear_the_names_of_the_tables(bare_url: str) -> None:
    database = Database(bare_url)
    database.migrate()
    database.close()
    engine = connection_to(bare_url)
    inspector = sqlalchemy.inspect(engine)
    for table in User.metadata.sorted_tables:
        named = {
            inspector.get_pk_constraint(table.name)["name"],
            *(found["name"] for found in inspector.get_foreign_keys(table.name)),
            *(found["name"] for found in inspector.get_unique_constraints(table.name)),
        }
        assert named == {constraint.name for constraint in table.constraints}
    engine.dispose()


def test_migrating_again_changes_nothing(database: Database) -> None:
    put(database, "kept", [1, "two"])
    database.migrate()
    with database.session() as session:
        assert session.get_one(PlatformSetting, "kept").value == [1, "two"]


def test_two_that_migrate_at_once_both_succeed(bare_url: str) -> None:
    databases = [Database(bare_url) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(Database.migrate, databases))
    assert {database.revision() for database in databases} == {newest_revision()}
    for database in databases:
        database.close()


def test_a_newer_releases_database_is_refused(bare_url: str) -> None:
    database = Database(bare_url)
    database.migrate()
    run(bare_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseError, match=r"revision 9999.*newer release.*restore a backup"):
        database.migrate()
    assert database.revision() == "9999"
    database.close()


def test_another_programs_database_is_refused(bare_url: str) -> None:
    run(bare_url, "CREATE TABLE job (id INTEGER)")
    database = Database(bare_url)
    with pytest.raises(DatabaseError, match=r"did not make \(job\): name an empty database"):
        database.migrate()
    assert database.revision() == ""
    database.close()


def test_a_revision_that_fails_leaves_the_schema_as_it_was(
    bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upgrade_and_fail(config: Config, revision: str) -> None:
        upgrade(config, revision)
        raise DatabaseError("broken")

    monkeypatch.setattr("alembic.command.upgrade", upgrade_and_fail)
    database = Database(bare_url)
    with pytest.raises(DatabaseError, match="broken"):
        database.migrate()
    monkeypatch.undo()
    assert database.revision() == ""
    database.migrate()
    assert database.revision() == newest_revision()
    database.close()


def test_foreign_keys_hold(database: Database) -> None:
    orphan = WebSession(
        user_id=7, token_sha256="x", created_unix_s=0, last_seen_unix_s=0, expires_unix_s=0
    )
    with pytest.raises(IntegrityError), database.session() as session, session.begin():
        session.add(orphan)


def test_foreign_keys_hold_after_a_migration_too(database: Database) -> None:
    database.migrate()
    with pytest.raises(IntegrityError), database.session() as session, session.begin():
        session.add(ProblemRow(id="p", owner_id=7, created_unix_s=0, updated_unix_s=0))


def test_what_fails_is_taken_back_whole(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError), database.session() as session, session.begin():
        session.add(PlatformSetting(key="a", value=1))
        session.flush()
        raise ZeroDivisionError
    with database.session() as session:
        assert session.exec(select(PlatformSetting)).all() == []


def test_objects_stay_readable_after_the_session(database: Database) -> None:
    with database.session() as session, session.begin():
        setting = PlatformSetting(key="a", value={"b": [1]})
        session.add(setting)
    assert setting.value == {"b": [1]}


def test_a_session_that_was_not_begun_only_reads(database: Database) -> None:
    with database.session() as session:
        session.add(PlatformSetting(key="a", value=1))
        with pytest.raises(InternalError, match=r"wrote without session\.begin"):
            session.commit()
    put(database, "b", 1)
    with (
        database.session() as session,
        pytest.raises(InternalError, match=r"wrote without session\.begin"),
    ):
        session.exec(sqlalchemy.delete(PlatformSetting))
    with database.session() as session:
        assert [row.key for row in session.exec(select(PlatformSetting))] == ["b"]


def test_many_threads_count_without_losing_any(database: Database) -> None:
    put(database, "count", 0)

    def add_one(_: int) -> None:
        with database.session() as session, session.begin():
            database.alone(session, "count")
            setting = session.get_one(PlatformSetting, "count")
            setting.value += 1

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add_one, range(80)))
    with database.session() as session:
        assert session.get_one(PlatformSetting, "count").value == 80


def test_a_reader_waits_for_no_writer(database: Database) -> None:
    put(database, "a", 1)
    with database.session() as writing, writing.begin():
        writing.get_one(PlatformSetting, "a").value = 2
        writing.flush()
        with database.session() as reading:
            assert reading.get_one(PlatformSetting, "a").value == 1
    with database.session() as reading:
        assert reading.get_one(PlatformSetting, "a").value == 2


def test_a_writer_that_waits_too_long_is_told_so(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fedota_server.webserver.database.BUSY_TIMEOUT_S", 0.05)
    database = Database(database_url)
    put(database, "a", 1)
    with database.session() as first, first.begin():
        first.get_one(PlatformSetting, "a").value = 2
        first.flush()
        with pytest.raises(DatabaseError, match="busy: try again"):
            _set_to_three(database)
    database.close()


def _set_to_three(database: Database) -> None:
    with database.session() as second, second.begin():
        second.exec(
            sqlalchemy.update(PlatformSetting)
            .where(col(PlatformSetting.key) == "a")
            .values(value=3)
        )


def test_only_one_at_a_time_is_alone(database: Database) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def enter(_: int) -> None:
        nonlocal inside, most
        with database.session() as session, session.begin():
            database.alone(session, "room")
            with lock:
                inside += 1
                most = max(most, inside)
            session.exec(select(User)).all()
            with lock:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(enter, range(20)))
    assert most == 1


def test_sqlite_writes_ahead_and_keeps_its_file_from_others(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "fedota.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.session() as session:
        assert session.connection().exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar() == 10_000
    database.close()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderError, match="name another place in FEDOTA_DATABASE_URL"):
        Database(f"sqlite:///{tmp_path}/file/fedota.db").migrate()


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    database = Database(f"postgres://user:secret@/name?host={tmp_path}")
    with pytest.raises(DatabaseError, match=r"does not answer.*fedota doctor") as told:
        database.migrate()
    assert "secret" not in told.value.public_message
    with pytest.raises(DatabaseError, match="does not answer"), database.session() as session:
        session.exec(select(User)).all()


def test_the_password_is_not_shown() -> None:
    shown = repr(Database("postgres://user:secret@host/name"))
    assert "user" in shown
    assert "secret" not in shown


@pytest.mark.parametrize(
    "url", ["", "fedota.db", "sqlite://", "sqlite:///:memory:", "mysql://host/name"]
)
def test_an_unknown_address_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="FEDOTA_DATABASE_URL"):
        Database(url)
