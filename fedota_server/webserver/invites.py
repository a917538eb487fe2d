"""The invites of a problem's clients, made again whenever they are shown, never kept."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import func
from sqlmodel import Session, col, or_, select

from fedota_proto.errors import ConflictError
from fedota_proto.invite import Invite, sign_invite
from fedota_proto.tls import selector_name
from fedota_server.ports import Ports
from fedota_server.problem_folder import ProblemFolder
from fedota_server.webserver.tables import ClientRow, ProblemRow


class Invites:
    """Signs the same text for the same client, as long as the problem's addresses stay.

    Parameters
    ----------
    folder_of
        The folder of a problem, by its id.
    round_address
        Where data holders reach the webserver's own fl_round service.
    """

    def __init__(
        self, folder_of: Callable[[str], ProblemFolder], round_address: Callable[[], str]
    ) -> None:
        self._folder_of = folder_of
        self._round_address = round_address

    def text(self, session: Session, problem: ProblemRow, client: ClientRow) -> str:
        """Write the invite of a client.

        Raises
        ------
        ConflictError
            The problem has no keys or ports yet: it was not published.
        FolderError
            They cannot be read.
        """
        folder = self._folder_of(problem.id)
        keys, ports = folder.existing_keys(), Ports.load(folder.ports_path)
        if keys is None or ports is None:
            raise ConflictError("This problem has no address yet: publish it first.")
        selectors = [
            (ports.selector_address(number), selector_name(problem.id, number))
            for number in range(1, min(problem.selectors, len(ports.selectors)) + 1)
        ]
        # Each invite begins with another selector, which its client tries first.
        first = _number_of(session, client) % len(selectors)
        invite = Invite(
            problem_id=problem.id,
            title=problem.title,
            node_id=client.node_id,
            name=client.name,
            expires_unix_s=client.expires_unix_s,
            ca_pem=keys.ca_pem.decode(),
            receipt_public_key=keys.public_key("receipt"),
            invite_public_key=keys.public_key("invite"),
            selectors=(*selectors[first:], *selectors[:first]),
            webserver=self._round_address(),
        )
        return sign_invite(keys.invite_key, invite).text


def _number_of(session: Session, client: ClientRow) -> int:
    """Count the problem's clients that were enrolled before this one."""
    row, created = ClientRow, client.created_unix_s
    return session.exec(
        select(func.count())
        .select_from(row)
        .where(
            col(row.problem_id) == client.problem_id,
            or_(
                col(row.created_unix_s) < created,
                (col(row.created_unix_s) == created) & (col(row.node_id) < client.node_id),
            ),
        )
    ).one()
