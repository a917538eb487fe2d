"""The platform's folder: whose it is, who may read it, and how much space is left."""

from __future__ import annotations

import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from fedota_proto.units import size_words
from fedota_server.webserver.doctor.finding import Finding, fine, problem, warning

_LEAST_FREE_BYTES = 1 << 30
_LITTLE_FREE_BYTES = 5 << 30
_NAMED = 3


def check_folder(home: Path) -> list[Finding]:
    """Look at owners and permissions.

    Parameters
    ----------
    home
        The platform's folder.
    """
    name = "folder"
    if not home.exists():
        return [warning(name, f"{home} is not there yet", "`fedota up` makes it.")]
    if not home.is_dir():
        return [problem(name, f"{home} is no folder", "Name another one with --home.")]
    status = home.stat()
    if status.st_uid != os.geteuid():
        return [
            problem(
                name,
                f"{home} belongs to {_user(status.st_uid)}, and this runs as {_user(os.geteuid())}",
                f"Run fedota as {_user(status.st_uid)}.",
            )
        ]
    if not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        return [problem(name, f"{home} cannot be written", f"Run `chmod u+rwx {home}`.")]
    found = []
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        found.append(warning(name, f"others may look into {home}", f"Run `chmod go-rwx {home}`."))
    bare = sorted(path for path in _secrets(home) if path.stat().st_mode & 0o077)
    if bare:
        named = ", ".join(str(path.relative_to(home)) for path in bare[:_NAMED])
        more = f" and {len(bare) - _NAMED} more" if len(bare) > _NAMED else ""
        found.append(
            problem(
                name,
                f"others may read secrets in {home}: {named}{more}",
                f"Run `chmod -R go-rwx {home}`; if others use this machine, make new keys.",
            )
        )
    return found or [fine(name, f"{home} is yours alone")]


def check_disk(home: Path) -> list[Finding]:
    """Look at the space that is left where the platform's folder is, or will be."""
    place = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(place).free
    what = f"{size_words(free)} are free where {home} is"
    remedy = "Free some space: without it, a round's checkpoint cannot be written."
    if free < _LEAST_FREE_BYTES:
        return [problem("disk", what, remedy)]
    if free < _LITTLE_FREE_BYTES:
        return [warning("disk", what, remedy)]
    return [fine("disk", what)]


def _secrets(home: Path) -> Iterator[Path]:
    yield from home.glob("fedota.db*")
    for folder in (home / "ca", home / "webserver", *home.glob("problems/*/.fedota/keys")):
        yield from (path for path in folder.rglob("*") if _is_key(path))


def _is_key(path: Path) -> bool:
    return path.is_file() and (path.suffix == ".key" or path.name == "key.pem")


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
