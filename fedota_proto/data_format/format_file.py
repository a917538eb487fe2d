"""A format on its own, as a holder downloads it: ``format.toml``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.data_format.reading import DataFormat, read_data_format
from fedota_proto.errors import ProblemFileError
from fedota_proto.toml_reader import Mistakes, TableReader

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FormatFile:
    """What a format's file says.

    Parameters
    ----------
    title
        Of the problem; empty if the file does not say.
    data
        The format.
    """

    title: str
    data: DataFormat


def read_format_file(path: Path) -> FormatFile:
    """Read a file with the section ``[data]``; a whole problem.toml is one, too.

    Parameters
    ----------
    path
        TOML in UTF-8. Of ``[problem]`` the title is read; other sections are not looked at.

    Returns
    -------
    FormatFile
        Checked, defaults filled in.

    Raises
    ------
    ProblemFileError
        If the file cannot be read, or with all mistakes in the section.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
        if len(data) > _MAX_BYTES:
            raise ProblemFileError(f"{path.name} is larger than 1 MiB; a format's file is not.")
        document = tomllib.loads(data.decode("utf-8-sig"))
    except OSError as error:
        raise ProblemFileError(
            f"The format's file {path} cannot be read ({error.strerror or error})."
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "values are nested too deeply" if isinstance(error, RecursionError) else error
        raise ProblemFileError(
            f"{path.name} is not TOML in UTF-8 ({reason}): download it again."
        ) from None
    mistakes = Mistakes(path.name)
    section = document.get("data")
    if not isinstance(section, dict):
        mistakes.add("[data]", "the section is missing; download the file again")
        section = {}
        mistakes.raise_if_any()
    found = read_data_format(TableReader(section, "[data]", mistakes))
    mistakes.raise_if_any()
    about = document.get("problem")
    title = about.get("title") if isinstance(about, dict) else document.get("title")
    return FormatFile(title if isinstance(title, str) and title.isprintable() else "", found)
