"""Files that are there twice."""

from __future__ import annotations

from pathlib import Path

from fedota_client.data.findings import Finding


class SameContent:
    """Notices files whose content was there before, by 64-bit hashes.

    Parameters
    ----------
    what
        How such a file is called, as ``picture``.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._first: dict[int, Path] = {}

    def finding(self, content_hash: int, path: Path) -> list[Finding]:
        """Say whether a file is the same as an earlier one."""
        first = self._first.setdefault(content_hash, path)
        if first is path:
            return []
        before = f"{first.parent.name}/{first.name}"
        other = first.parent != path.parent
        return [
            Finding(
                "two-classes" if other else "duplicates",
                f"{path.parent.name}/",
                f"{path.name!r}, the same {self._what} as {before!r}"
                + (", of another class" if other else ""),
                remedy="Keep it in the class to which it belongs."
                if other
                else "If it is a copy, remove it: it counts double.",
                level="notice",
            )
        ]
