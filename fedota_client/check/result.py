"""What a check found, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fedota_client.check.pictures import Picture
from fedota_client.data.findings import Finding


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found.

    Parameters
    ----------
    place
        The data's folder.
    kind
        Of the format.
    examples, files, size_bytes
        How much was looked at.
    mistakes
        What does not keep the format.
    notices
        What keeps it, but deserves a look.
    pictures
        One for each column.
    """

    place: str
    kind: str
    examples: int
    files: int
    size_bytes: int
    mistakes: tuple[Finding, ...]
    notices: tuple[Finding, ...]
    pictures: tuple[Picture, ...]

    @property
    def kept(self) -> bool:
        """Whether the data keeps the format."""
        return not self.mistakes

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kept": self.kept,
            "data": self.place,
            "kind": self.kind,
            "examples": self.examples,
            "files": self.files,
            "size_bytes": self.size_bytes,
            "mistakes": [one.as_json() for one in self.mistakes],
            "notices": [one.as_json() for one in self.notices],
            "columns": [one.as_json() for one in self.pictures],
        }
