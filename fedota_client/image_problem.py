"""The one problem that this client's image was made for: its addresses and its data format."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from fedota_proto.errors import FolderError, InviteError
from fedota_proto.invite import Invite

_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """What the image's topmost layer says.

    Parameters
    ----------
    problem_id, title
        The problem's.
    selectors
        Pairs of address and server name, as they were when the image was made.
    webserver
        Address of the webserver's fl_round service, or empty.
    format_file
        The data format, as `--format` takes it.
    """

    problem_id: str
    title: str
    selectors: tuple[tuple[str, str], ...]
    webserver: str
    format_file: Path

    def completed(self, invite: Invite) -> Invite:
        """Add the image's addresses to an invite's own, which are tried first.

        Whom to trust is the invite's alone to say: a server at these addresses must prove itself
        by the invite's CA all the same.

        Raises
        ------
        InviteError
            The invite is for another problem.
        """
        if invite.problem_id != self.problem_id:
            raise InviteError(
                f"This image is for the problem “{self.title}”, the invite for “{invite.title}”: "
                "take the image from that problem's page, or the invite to this problem."
            )
        return replace(
            invite,
            selectors=tuple(dict.fromkeys((*invite.selectors, *self.selectors))),
            webserver=invite.webserver or self.webserver,
        )


def read_image_problem(folder: Path | None) -> ImageProblem | None:
    """Read the layer.

    Parameters
    ----------
    folder
        Where it lies, if this is an image.

    Returns
    -------
    ImageProblem or None
        None in the image that serves every problem, and outside of images.

    Raises
    ------
    FolderError
        It is damaged.
    """
    if folder is None:
        return None
    path = folder / "problem.json"
    try:
        with path.open(encoding="utf-8") as file:
            fields = json.loads(file.read(_MOST_BYTES))
        return ImageProblem(
            problem_id=str(fields["problem_id"]),
            title=str(fields["title"]),
            selectors=tuple((str(address), str(name)) for address, name in fields["selectors"]),
            webserver=str(fields["webserver"]),
            format_file=folder / "format.toml",
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise FolderError(
            f"{path}, a part of this image, is damaged: fetch the image again.", detail=repr(error)
        ) from error
