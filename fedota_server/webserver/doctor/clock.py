"""The clock, against whatever else knows the time."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import func, text
from sqlmodel import col, select

from fedota_proto.errors import DatabaseError
from fedota_server.authority import PlatformHome
from fedota_server.webserver.database import Database
from fedota_server.webserver.doctor.finding import Finding, fine, problem
from fedota_server.webserver.tables import AuditRow

_TOLERATED_S = 5.0
_NAME = "clock"
_REMEDY = "Set the clocks, and keep them with NTP (`timedatectl set-ntp true`)."


def check_clock(home: Path, database: Database, clock: Callable[[], float]) -> list[Finding]:
    """Compare the clock with the database server's, the file system's, and with what was written.

    Parameters
    ----------
    home
        The platform's folder.
    database
        Not necessarily there.
    clock
        This machine's.
    """
    found = [*_differences(home, database, clock), *_from_the_future(home, database, clock())]
    return found or [fine(_NAME, "it agrees with all else that knows the time")]


def _differences(home: Path, database: Database, clock: Callable[[], float]) -> Iterator[Finding]:
    others = {}
    if home.is_dir():
        with tempfile.NamedTemporaryFile(dir=home, prefix=".clock-") as file:
            others[f"the file system of {home}"] = Path(file.name).stat().st_mtime
    if not database.is_sqlite:
        others["the database server"] = _server_time(database)
    for name, unix_s in others.items():
        ahead = clock() - unix_s
        if abs(ahead) > _TOLERATED_S:
            side = "ahead of" if ahead > 0 else "behind"
            what = f"this machine's clock is {abs(ahead):.0f} s {side} that of {name}"
            yield problem(_NAME, what, _REMEDY)


def _server_time(database: Database) -> float:
    with database.session() as session:
        found = session.connection().execute(text("SELECT extract(epoch FROM clock_timestamp())"))
        return float(found.scalar_one())


def _from_the_future(home: Path, database: Database, now: float) -> Iterator[Finding]:
    platform = PlatformHome(home)
    if platform.exists:
        begins = platform.authority().certificate.not_valid_before_utc.timestamp()
        if begins > now:
            yield problem(_NAME, "the platform's CA was made later than now", _REMEDY)
    newest = _newest_entry(database)
    if newest is not None and newest > now + _TOLERATED_S:
        what = f"the newest entry of the audit log was written {newest - now:.0f} s later than now"
        yield problem(_NAME, what, _REMEDY)


def _newest_entry(database: Database) -> float | None:
    try:
        if (database.file is not None and not database.file.exists()) or not database.revision():
            return None
        with database.session() as session:
            return session.exec(select(func.max(col(AuditRow.unix_s)))).one()
    except DatabaseError:
        return None  # which is said where the database is looked at
