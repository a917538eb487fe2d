"""A check of any kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from fedota_client.check.pictures import ClassPicture, Picture
from fedota_client.check.result import CheckResult
from fedota_client.data.findings import FileRefusedError, Finding, Findings
from fedota_client.data.reading import too_few
from fedota_proto.data_format import DataFormat

OnBytes = Callable[[int, int], None]


class DataCheck(ABC):
    """Looks at all of a holder's data and notes what it finds.

    Parameters
    ----------
    place
        The data's folder, or one file of it.
    data_format
        What it must hold.
    on_bytes
        Told after each piece how many bytes are done, and of how many.
    """

    def __init__(self, place: Path, data_format: DataFormat, on_bytes: OnBytes) -> None:
        self.place = place
        self._format = data_format
        self._on_bytes = on_bytes
        self.findings = Findings()
        self.examples = 0
        self.done_bytes = 0

    @abstractmethod
    def files(self) -> list[Path]:
        """List the files that will be looked at.

        Raises
        ------
        FileRefusedError
            There is none.
        """

    @abstractmethod
    def look(self, files: Sequence[Path]) -> list[Picture]:
        """Look at every file, count `examples` and note findings.

        Returns
        -------
        list of Picture
            One for each column.
        """

    def run(self) -> CheckResult:
        """Check.

        Returns
        -------
        CheckResult
            What was found.

        Raises
        ------
        FolderError
            There is no room for what must be remembered.
        DataError
            The format itself cannot be used.
        """
        files: list[Path] = []
        pictures: list[Picture] = []
        try:
            files = self.files()
            self._total_bytes = sum(_size(path) for path in files)
            pictures = self.look(files)
        except FileRefusedError as error:
            self.findings.add([error.finding])
        else:
            self._note_too_few()
        return CheckResult(
            place=str(self.place),
            kind=self._format.kind,
            examples=self.examples,
            files=len(files),
            size_bytes=self.done_bytes,
            mistakes=tuple(self.findings.mistakes),
            notices=tuple(self.findings.notices),
            pictures=tuple(pictures),
        )

    def advance(self, size_bytes: int) -> None:
        """Note that so much more is done."""
        self.done_bytes += size_bytes
        self._on_bytes(self.done_bytes, self._total_bytes)

    def note_classes(self, classes: ClassPicture) -> None:
        """Note if all examples are of one class."""
        if len(classes.present) == 1 and self.examples > 1:
            self.findings.add(
                [
                    Finding(
                        "one-class",
                        "",
                        f"only examples of the class {classes.present[0]!r}",
                        remedy="The model learns little from one class alone; if there are "
                        "others, add some.",
                        level="notice",
                    )
                ]
            )

    def _note_too_few(self) -> None:
        fewest = self._format.minimum_examples
        unread = not self.examples and bool(self.findings.mistakes)  # why is told already
        if self.examples < fewest and not unread:
            self.findings.add([too_few(self.examples, fewest, self._format)])


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
