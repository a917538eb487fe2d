"""Folders on disks that are full or read-only: real mounts, seen by one command alone."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

_SCRIPT = """
set -e
folder=$1 options=$2 listing=$3
shift 3
if [ "$options" = ro ]; then
  mount --bind "$folder" "$folder"
  mount -o remount,bind,ro "$folder"
else
  mount -t tmpfs -o "$options" tmpfs "$folder"
fi
set +e
"$@"
code=$?
find "$folder" -mindepth 1 -printf '%P %s\\n' | sort >"$listing"
exit $code
"""


class Mounts:
    """Commands that see a folder on another disk; the mounts end with them.

    Parameters
    ----------
    place
        An empty folder for what is noted.
    """

    def __init__(self, place: Path) -> None:
        self._listing = place / "listing"

    def small(self, folder: Path, size_bytes: int, *command: str) -> list[str]:
        """Run with a folder that holds only so many bytes, and is empty at first."""
        return self._run(folder, f"size={size_bytes},mode=755", command)

    def read_only(self, folder: Path, *command: str) -> list[str]:
        """Run with a folder in which nothing can be written."""
        return self._run(folder, "ro", command)

    def _run(self, folder: Path, options: str, command: tuple[str, ...]) -> list[str]:
        return [
            *("unshare", "--mount", "sh", "-c", _SCRIPT, "sh"),
            *(str(folder), options, str(self._listing), *command),
        ]

    @property
    def left(self) -> dict[str, int]:
        """What the last command left in its folder: sizes in bytes by relative path."""
        lines = self._listing.read_text().splitlines()
        return {name: int(size) for name, _, size in (line.rpartition(" ") for line in lines)}


@pytest.fixture
def mounts(tmp_path: Path) -> Mounts:
    """Mounts for one test; it is skipped where none can be made, but not in CI."""
    place = tmp_path / "mounts"
    place.mkdir()
    made = Mounts(place)
    tried = subprocess.run(
        made.small(place, 4096, "true"), capture_output=True, text=True, check=False
    )
    if tried.returncode:
        reason = f"no disk can be mounted here: {tried.stderr.strip()}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return made
