"""A backup of the whole platform, and its way back."""

from __future__ import annotations

import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlmodel import Session, SQLModel, select

from fedota_proto.errors import ConflictError, DatabaseError, FolderError, ForbiddenError
from fedota_server.authority import PlatformHome
from fedota_server.webserver.backup import Backup
from fedota_server.webserver.database import Database
from fedota_server.webserver.home_snapshot import HomeSnapshot
from fedota_server.webserver.permissions import Actor, Role, machine_actor
from fedota_server.webserver.restore import Restore
from fedota_server.webserver.tables import (
    ApiToken,
    AuditRow,
    ClientRow,
    EvaluationRow,
    MembershipRow,
    PlatformSetting,
    ProblemRow,
    RoundRow,
    User,
)

ROOT = machine_actor("root")
PROBLEM = "0123456789ab"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A platform's folder with one problem in the middle of its training."""
    home = tmp_path / "home"
    PlatformHome(home).init()
    PlatformHome(home).webserver_identity()
    place = home / "problems" / PROBLEM
    for name, text in {
        "problem.toml": "[problem]\n",
        "model.keras": "model",
        ".fedota/problem.json": "{}",
        ".fedota/test/examples.csv": "a,b\n",
        ".fedota/keys/invite.key": "secret",
        ".fedota/coordinator/events.jsonl": '{"seq":1}\n',
        ".fedota/coordinator/history.jsonl": '{"round":1}\n',
        ".fedota/coordinator/checkpoints/g0000-r000001.arrays.safetensors": "arrays 1",
        ".fedota/coordinator/checkpoints/g0000-r000001.state.safetensors": "state 1",
        ".fedota/logs/coordinator.log": "not needed",
        ".fedota/serve.lock": "",
        ".fedota/servers/coordinator.json": "processes of this machine",
        ".fedota/intake-1234/upload": "half",
    }.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (place / ".fedota/keys/invite.key").chmod(0o600)
    for passing in ("uploads/half", "client/abc/fedota.whl", "web.lock"):
        (home / passing).parent.mkdir(parents=True, exist_ok=True)
        (home / passing).write_text("")
    return home


def rows() -> list[SQLModel]:
    return [
        User(email="a@b.example", name="Ada <b>", is_admin=True, created_unix_s=1.5, id=3),
        PlatformSetting(key="registration", value={"mode": "open", "roles": ["holder"]}),
        ProblemRow(
            id=PROBLEM,
            owner_id=3,
            title="Größe",
            draft={"rounds": {"goal_count": 3}},
            created_unix_s=2,
            updated_unix_s=3.25,
            kept_rounds=[0, 1],
        ),
        ApiToken(user_id=3, name="notebook", token_sha256="0" * 64, created_unix_s=1, id=7),
        MembershipRow(id=5, problem_id=PROBLEM, user_id=3, state="approved", requested_unix_s=1),
        ClientRow(
            node_id=(1 << 63) - 1,
            problem_id=PROBLEM,
            membership_id=5,
            name="north",
            created_unix_s=1,
            expires_unix_s=2,
        ),
        RoundRow(
            problem_id=PROBLEM,
            generation=0,
            server_round=1,
            attempt=1,
            completed=True,
            train_metrics={"loss": 0.1 + 0.2},
            ended_unix_s=9,
        ),
        EvaluationRow(
            problem_id=PROBLEM, generation=0, server_round=1, source="federated", unix_s=1
        ),
    ]


def fill(database: Database) -> None:
    with database.session() as session, session.begin():
        for row in rows():
            session.add(row)
            session.flush()


def everything(database: Database) -> dict[str, list[dict[str, object]]]:
    """Every row but the log of backing up and restoring itself."""
    kinds: tuple[type[SQLModel], ...] = (
        *(User, PlatformSetting, ProblemRow, ApiToken),
        *(MembershipRow, ClientRow, RoundRow, EvaluationRow),
    )
    with database.session() as session:
        return {
            kind.__name__: [row.model_dump() for row in session.exec(select(kind))]
            for kind in kinds
        }


def files(home: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in sorted(home.rglob("*"))
        if path.is_file() and not path.name.startswith("fedota.db")
    }


@pytest.fixture
def archive(tmp_path: Path, home: Path, database: Database) -> Path:
    fill(database)
    Backup(database, home).write(ROOT, tmp_path / "backup.tar.gz")
    return tmp_path / "backup.tar.gz"


@pytest.fixture
def small(tmp_path: Path, home: Path, migrated_file: Path) -> Path:
    """A backup for what does not depend on the kind of database."""
    shutil.copyfile(migrated_file, tmp_path / "small.db")
    database = Database(f"sqlite:///{tmp_path / 'small.db'}")
    fill(database)
    Backup(database, home).write(ROOT, tmp_path / "backup.tar.gz")
    database.close()
    return tmp_path / "backup.tar.gz"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Database]:
    """A database that is not there yet, in a folder that is not there yet."""
    found = Database(f"sqlite:///{tmp_path / 'other' / 'fedota.db'}")
    yield found
    found.close()


def test_a_platform_comes_back_as_it_was(
    tmp_path: Path, home: Path, database: Database, archive: Path, bare_url: str
) -> None:
    place, target = tmp_path / "restored", Database(bare_url)
    head = Restore(target, place).put_back(ROOT, archive)
    assert everything(target) == everything(database)
    kept = {name: data for name, data in files(home).items() if name.startswith(("ca", "webs"))}
    kept |= {
        name: data
        for name, data in files(home).items()
        if name.startswith("problems/")
        and not any(p in name for p in ("logs/", "intake", "lock", "servers/"))
    }
    assert files(place) == kept
    assert head.files == len(kept)
    assert head.tables["user_account"] == 1
    key = place / "problems" / PROBLEM / ".fedota/keys/invite.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert PlatformHome(place).authority().pem == PlatformHome(home).authority().pem
    target.close()


def test_new_rows_are_numbered_after_the_restored_ones(
    tmp_path: Path, archive: Path, bare_url: str
) -> None:
    target = Database(bare_url)
    Restore(target, tmp_path / "restored").put_back(ROOT, archive)
    with target.session() as session, session.begin():
        user = User(email="n@b.example", name="New", created_unix_s=1)
        session.add(user)
        session.flush()
        assert user.id == 4
    target.close()


def test_both_are_in_the_audit_log(
    tmp_path: Path, database: Database, archive: Path, other: Database
) -> None:
    Restore(other, tmp_path / "other").put_back(ROOT, archive)

    def log(session: Session) -> list[tuple[str, str, int | None]]:
        return [(row.action, row.actor, row.actor_id) for row in session.exec(select(AuditRow))]

    with database.session() as session:
        assert log(session) == [("back up", "root on this machine", None)]
    with other.session() as session:
        assert log(session) == [("restore a backup", "root on this machine", None)]


def test_only_its_owner_may_read_an_archive(archive: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_an_archive_overwrites_nothing(home: Path, database: Database, archive: Path) -> None:
    before = archive.read_bytes()
    with pytest.raises(FolderError, match="is there already"):
        Backup(database, home).write(ROOT, archive)
    assert archive.read_bytes() == before


def test_only_an_administrator_makes_one(tmp_path: Path, home: Path, database: Database) -> None:
    holder = Actor(1, "Hal", frozenset({Role.HOLDER, Role.SETTER}))
    with pytest.raises(ForbiddenError):
        Backup(database, home).write(holder, tmp_path / "b.tar.gz")
    with pytest.raises(ForbiddenError):
        Restore(database, home).put_back(holder, tmp_path / "b.tar.gz")


def test_nothing_is_left_of_a_backup_that_fails(
    tmp_path: Path, home: Path, database: Database
) -> None:
    with pytest.raises(FolderError, match="cannot be written"):
        Backup(database, home).write(ROOT, tmp_path / "none" / "b.tar.gz")
    assert not list(home.glob(".backup-*"))


def test_an_empty_database_is_no_platform(tmp_path: Path, home: Path, other: Database) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(DatabaseError, match="empty"):
        Backup(other, home).write(ROOT, tmp_path / "b.tar.gz")


def test_sqlites_own_file_is_not_copied(tmp_path: Path, home: Path) -> None:
    database = Database(f"sqlite:///{home / 'fedota.db'}")
    database.migrate()
    Backup(database, home).write(ROOT, tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "b.tar.gz") as archive:
        assert not [name for name in archive.getnames() if "fedota.db" in name]
    database.close()


def test_what_a_coordinator_writes_meanwhile_is_not_torn(home: Path) -> None:
    coordinator = home / "problems" / PROBLEM / ".fedota/coordinator"
    events, checkpoints = coordinator / "events.jsonl", coordinator / "checkpoints"
    with HomeSnapshot(home) as snapshot:
        with events.open("a") as file:
            file.write('{"seq":2}\n{"se')
        old = checkpoints / "g0000-r000001.arrays.safetensors"
        old.unlink()
        (coordinator / "new").write_text('{"round":2}\n')
        (coordinator / "new").replace(coordinator / "history.jsonl")
        seen = {
            kept.name.name: kept.path.read_bytes()[: kept.size_bytes] for kept in snapshot.files
        }
    assert seen["events.jsonl"] == b'{"seq":1}\n'
    assert seen["history.jsonl"] == b'{"round":1}\n'
    assert seen[old.name] == b"arrays 1"
    assert not list(home.glob(".backup-*"))


def test_events_are_taken_before_the_checkpoints_that_they_tell_of(home: Path) -> None:
    with HomeSnapshot(home) as snapshot:
        names = [kept.name.name for kept in snapshot.files]
    assert names[0] == "events.jsonl"
    assert names.index("history.jsonl") < names.index("g0000-r000001.arrays.safetensors")
    assert names[-2:] == ["g0000-r000001.arrays.safetensors", "g0000-r000001.state.safetensors"]


def test_a_folder_without_links_is_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with HomeSnapshot(home) as snapshot:
        (home / "ca" / "ca.pem").unlink()
        kept = next(kept for kept in snapshot.files if kept.name.name == "ca.pem")
        assert kept.path.read_bytes().startswith(b"-----BEGIN CERTIFICATE")


def test_links_in_the_folder_are_not_followed(home: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not the platform's")
    (home / "problems" / "link").symlink_to(tmp_path / "secret")
    with HomeSnapshot(home) as snapshot:
        assert "link" not in [kept.name.name for kept in snapshot.files]


def test_a_folder_that_is_not_empty_is_refused(
    tmp_path: Path, small: Path, other: Database
) -> None:
    (tmp_path / "other" / "problems").mkdir(parents=True)
    with pytest.raises(ConflictError, match="problems is there"):
        Restore(other, tmp_path / "other").put_back(ROOT, small)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["problems"]


def test_a_database_that_is_not_empty_is_refused(
    tmp_path: Path, database: Database, archive: Path
) -> None:
    with pytest.raises(ConflictError, match="database is not empty"):
        Restore(database, tmp_path / "elsewhere").put_back(ROOT, archive)
    assert not (tmp_path / "elsewhere").exists()


def rewrite(
    archive: Path, change: Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]
) -> Path:
    """Write an archive anew, each member changed; what is changed is named for it."""
    changed = archive.with_name("changed.tar.gz")
    with tarfile.open(archive) as old, tarfile.open(changed, "w:gz") as new:
        for member in old:
            content = old.extractfile(member)
            data = content.read() if content else b""
            for entry, wanted in change(member, data):
                entry.size = len(wanted)
                new.addfile(entry, io.BytesIO(wanted))
    return changed


def hostile(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, link
    return entry


HOSTILE = {
    "outside": hostile("home/../../outside"),
    "absolute": hostile("/tmp/outside"),
    "elsewhere": hostile("outside"),
    "backslash": hostile("home\\..\\outside"),
    "link": hostile("home/ca", tarfile.SYMTYPE, "/etc"),
    "hard link": hostile("home/x", tarfile.LNKTYPE, "home/ca/ca.key"),
    "device": hostile("home/null", tarfile.CHRTYPE),
    "twice": hostile("home/ca/ca.key"),
}


@pytest.mark.parametrize("entry", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_archive_restores_nothing(
    entry: tarfile.TarInfo, tmp_path: Path, small: Path, other: Database
) -> None:
    first: list[bool] = []

    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        first.append(member.name == "home/ca/ca.pem")
        return [(member, data), *([(entry, b"")] if first[-1] else [])]

    changed = rewrite(small, change)
    assert any(first)
    with pytest.raises(FolderError):
        Restore(other, tmp_path / "other").put_back(ROOT, changed)
    assert not list((tmp_path / "other").iterdir())
    assert not (tmp_path / "outside").exists()


def without(name: str) -> Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]:
    return lambda member, data: [] if member.name == name else [(member, data)]


def with_head(
    **fields: object,
) -> Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]:
    def change(member: tarfile.TarInfo, data: bytes) -> list[tuple[tarfile.TarInfo, bytes]]:
        if member.name == "backup.json":
            data = json.dumps({**json.loads(data), **fields}).encode()
        return [(member, data)]

    return change


def with_rows(
    text: bytes,
) -> Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]]:
    return lambda member, data: [
        (member, text if member.name == "database/problem.jsonl" else data)
    ]


DAMAGE = {
    "a file": (without("home/ca/ca.key"), "files are missing"),
    "a table": (without("database/audit.jsonl"), "rows of audit are missing"),
    "rows": (with_rows(b""), "rows of"),
    "half a row": (with_rows(b'{"id":'), "does not fit"),
    "another row": (with_rows(b'{"id": "0123456789ab"}\n'), "does not fit"),
    "no row": (with_rows(b"[1]\n"), "does not fit"),
    "its head": (without("backup.json"), "does not begin with"),
    "a head's field": (with_head(files="many", extra=1), "cannot be read"),
    "its format": (with_head(format=2), "newer release"),
    "its revision": (with_head(revision="r9999"), "restore it with that release"),
}


@pytest.mark.parametrize(("change", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_restores_nothing(
    change: Callable[[tarfile.TarInfo, bytes], list[tuple[tarfile.TarInfo, bytes]]],
    words: str,
    tmp_path: Path,
    small: Path,
    other: Database,
) -> None:
    with pytest.raises((FolderError, DatabaseError), match=words):
        Restore(other, tmp_path / "other").put_back(ROOT, rewrite(small, change))
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.95])
def test_a_truncated_archive_restores_nothing(
    share: float, tmp_path: Path, small: Path, other: Database
) -> None:
    data = small.read_bytes()
    small.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(FolderError, match="Nothing was restored"):
        Restore(other, tmp_path / "other").put_back(ROOT, small)
    assert not list((tmp_path / "other").iterdir())


def test_a_file_that_is_none_is_said(tmp_path: Path, other: Database) -> None:
    with pytest.raises(FolderError, match="There is no backup"):
        Restore(other, tmp_path / "other").put_back(ROOT, tmp_path / "none.tar.gz")


def test_when_the_files_cannot_be_put_in_place_the_rows_do_not_stay(
    tmp_path: Path, archive: Path, bare_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fedota_server.webserver.restore.os.sync", full)
    target, place = Database(bare_url), tmp_path / "restored"
    with pytest.raises(FolderError, match="No space left"):
        Restore(target, place).put_back(ROOT, archive)
    assert not list(place.iterdir())
    monkeypatch.undo()
    Restore(target, place).put_back(ROOT, archive)
    assert len(everything(target)["User"]) == 1
    target.close()


def test_a_restored_sqlite_database_is_its_owners_alone(
    tmp_path: Path, small: Path, other: Database
) -> None:
    Restore(other, tmp_path / "other").put_back(ROOT, small)
    path = tmp_path / "other" / "fedota.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
