"""What is mounted where, and whether user ids are mapped, as Linux tells a process of itself."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_ANONYMOUS = re.compile(r"/volumes/[0-9a-f]{64}/_data(/|$)")
_ALL_IDS = 4_294_967_295


@dataclass(frozen=True, slots=True)
class Mount:
    """What a folder is a part of.

    Parameters
    ----------
    at
        Where it is mounted; ``/`` is the container's own file system.
    kind
        Of file system.
    root
        The folder in that file system.
    """

    at: str
    kind: str
    root: str = "/"

    @property
    def outlives(self) -> bool:
        """Whether what is written there is still there when the container is removed."""
        return (
            self.at != "/" and self.kind not in _IN_MEMORY and _ANONYMOUS.search(self.root) is None
        )


def mount_of(path: Path, mounts: Iterable[Mount]) -> Mount:
    """Return the mount that a path is in: of those that it is below, the last and deepest."""
    found = Mount("/", "overlay")
    for mount in mounts:
        if path.is_relative_to(mount.at) and len(mount.at) >= len(found.at):
            found = mount
    return found


def read_mounts(text: str) -> list[Mount]:
    """Read ``/proc/self/mountinfo``.

    References
    ----------
    proc(5).
    """
    mounts = []
    for line in text.splitlines():
        fields, _, more = line.partition(" - ")
        parts = fields.split(" ")
        if len(parts) >= 5 and more:
            mounts.append(Mount(_unescaped(parts[4]), more.split(" ")[0], _unescaped(parts[3])))
    return mounts


def is_rootless(uid_map: str) -> bool:
    """Tell from ``/proc/self/uid_map`` whether user ids here are others on the host."""
    lines = [line.split() for line in uid_map.splitlines() if line.strip()]
    return bool(lines) and lines != [["0", "0", str(_ALL_IDS)]]


def own_mounts() -> list[Mount]:
    """Read those of this process; none where they cannot be read."""
    try:
        return read_mounts(Path("/proc/self/mountinfo").read_text(errors="replace"))
    except OSError:
        return []


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
