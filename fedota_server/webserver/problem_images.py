"""The client image of each problem, for its members, without a copy of its bytes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from fedota_proto.errors import FolderError
from fedota_server.problem_folder import ProblemFolder
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.making import (
    client_archive_path,
    make_problem_image,
    problem_facts,
)
from fedota_server.problem_image.problem_image import ProblemFacts, image_name
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Action, Actor, Role
from fedota_server.webserver.problems.use_cases import find_problem
from fedota_server.webserver.settings import WebserverSettings


@dataclass(frozen=True)
class ImageOffer:
    """A problem's image that may be fetched.

    Parameters
    ----------
    archive
        The bytes, put together as they are read.
    sha256
        Theirs, hexadecimal.
    name
        Of the file that they make.
    """

    archive: ImageArchive
    sha256: str
    name: str


class ProblemImages:
    """Puts images together; methods may be called from several threads.

    Parameters
    ----------
    database
        Says whose problem it is.
    settings
        Say where the client's archive lies.
    folder_of
        The folder of a problem, by its id.
    round_address
        Where data holders reach the webserver's own fl_round service.
    """

    def __init__(
        self,
        database: Database,
        settings: WebserverSettings,
        folder_of: Callable[[str], ProblemFolder],
        round_address: Callable[[], str],
    ) -> None:
        self._database = database
        self._folder_of = folder_of
        self._round_address = round_address
        self._archive = client_archive_path(settings.client_archive, settings.home)
        self._lock = threading.Lock()
        self._hashes: dict[tuple[object, ...], str] = {}

    @property
    def offered(self) -> bool:
        """Whether the client's image is there to make others from."""
        return self._archive.is_file()

    def facts(self, actor: Actor, problem_id: str) -> ProblemFacts:
        """Read what a problem's image tells, for a member or an administrator.

        Raises
        ------
        ConflictError
            The problem has no addresses yet.
        """
        action = Action.SEE_ALL_PROBLEMS if actor.is_a(Role.ADMIN) else Action.MAKE_INVITE
        with self._database.session() as session:
            row = find_problem(session, actor, problem_id, action)
            selectors = row.selectors
        return problem_facts(
            self._folder_of(problem_id), selectors=selectors, webserver=self._round_address()
        )

    def offer(self, actor: Actor, problem_id: str) -> ImageOffer:
        """Put a problem's image together and hash it: some seconds, then kept in mind.

        Raises
        ------
        FolderError
            The client's archive is missing or damaged.
        """
        archive = make_problem_image(self._archive, self.facts(actor, problem_id))
        try:
            state = self._archive.stat()
        except OSError as error:
            raise FolderError(f"{self._archive} cannot be read ({error.strerror}).") from error
        key = (archive.manifest.sha256, state.st_mtime_ns, state.st_size, state.st_ino)
        with self._lock:
            if key not in self._hashes:
                self._hashes[key] = archive.sha256()
            sha256 = self._hashes[key]
        return ImageOffer(archive, sha256, f"{image_name(problem_id)}.tar")
