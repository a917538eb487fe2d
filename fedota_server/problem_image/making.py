"""Make a problem's image from its folder and the client's archive."""

from __future__ import annotations

import tomllib
from pathlib import Path

import tomli_w

from fedota_proto.errors import ConflictError, FolderError
from fedota_proto.problem import PROBLEM_FILE
from fedota_proto.tls import selector_name
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.problem_image.client_archive import ClientArchive
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.problem_image import ProblemFacts, problem_image

IN_HOME = "client-image.tar"
_CHECKOUT = Path(__file__).resolve().parents[2]
_BUILT = Path("build") / "images" / "client.tar"


def client_archive_path(named: Path | None, home: Path) -> Path:
    """Return where the client's image is saved.

    Parameters
    ----------
    named
        By an option or setting; it goes before all else.
    home
        The platform's folder: else the archive lies in it, under `IN_HOME`.
    """
    return named.expanduser() if named is not None else home / IN_HOME


def nearest_archive_path(named: Path | None, home: Path) -> Path:
    """Return the same, or where `make images` saves it in this checkout, if it is there alone."""
    path = client_archive_path(named, home)
    built = _CHECKOUT / _BUILT
    return built if named is None and not path.exists() and built.exists() else path


def problem_facts(
    folder: ProblemFolder, *, selectors: int | None = None, webserver: str = ""
) -> ProblemFacts:
    """Read what the image's layer tells.

    Parameters
    ----------
    folder
        The problem's.
    selectors
        How many are wanted now; None: all that ever had a port.
    webserver
        Address of the webserver's fl_round service, or empty.

    Raises
    ------
    ProblemFileError, FolderError
        The folder cannot be read.
    ConflictError
        The problem has no addresses yet.
    """
    problem = folder.problem()
    identity, ports = folder.existing_identity(), Ports.load(folder.ports_path)
    if identity is None or ports is None or not ports.selectors:
        raise ConflictError(
            "This problem has no address yet, and its image would tell none: publish it first, or "
            f"make an invite with `fedota invite {folder.folder} NAME`."
        )
    count = min(selectors or len(ports.selectors), len(ports.selectors))
    return ProblemFacts(
        problem_id=identity.problem_id,
        title=problem.title or folder.folder.resolve().name,
        selectors=tuple(
            (ports.selector_address(number), selector_name(identity.problem_id, number))
            for number in range(1, count + 1)
        ),
        webserver=webserver,
        format_toml=_format_toml(folder.folder / PROBLEM_FILE, problem.title),
    )


def make_problem_image(archive: Path, facts: ProblemFacts) -> ImageArchive:
    """Put the image together; nothing is written yet.

    Raises
    ------
    FolderError
        The client's archive is missing or damaged.
    """
    return problem_image(ClientArchive.read(archive), facts)


def _format_toml(path: Path, title: str) -> str:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise FolderError(f"{path} cannot be read ({error.strerror}).") from error
    return tomli_w.dumps({"problem": {"title": title}, "data": document["data"]})
