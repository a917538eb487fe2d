"""What every part of `Accounts` works with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, select

from fedota_proto.errors import ConflictError, NotFoundError
from fedota_server.webserver.account import give_roles
from fedota_server.webserver.database import Database
from fedota_server.webserver.passwords import Passwords
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.settings import WebserverSettings
from fedota_server.webserver.tables import User
from fedota_server.webserver.throttle import Throttle


class AccountDesk:
    """Finds and adds accounts.

    Parameters
    ----------
    database
        Where they are kept.
    settings
        How long a session lasts, and who may register at first.
    clock
        Seconds since 1970.
    passwords
        Hashes them; with the recommended parameters unless told.
    """

    def __init__(
        self,
        database: Database,
        *,
        settings: WebserverSettings,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._throttle = Throttle(database, clock)

    @contextmanager
    def _adding(self) -> Iterator[Session]:
        """Open a transaction that adds or changes an account's e-mail address.

        Raises
        ------
        ConflictError
            Another account has it.
        """
        try:
            with self._database.session() as session, session.begin():
                yield session
        except IntegrityError as error:
            raise ConflictError(
                "There is an account with this e-mail address: sign in, or ask an administrator "
                "to reset its password."
            ) from error

    def _add(
        self,
        session: Session,
        *,
        email: str,
        name: str,
        roles: frozenset[Role],
        password_hash: str | None = None,
        oidc_subject: str | None = None,
        must_change_password: bool = False,
    ) -> User:
        user = User(
            email=email,
            name=name,
            password_hash=password_hash,
            oidc_subject=oidc_subject,
            must_change_password=must_change_password,
            created_unix_s=self._clock(),
        )
        give_roles(user, roles)
        session.add(user)
        session.flush()
        return user

    @staticmethod
    def _locked(session: Session, user_id: int) -> User:
        """Read an account that is about to change; until then nobody else changes it.

        Raises
        ------
        NotFoundError
            There is none.
        """
        user = session.get(User, user_id, with_for_update=True)
        if user is None:
            raise NotFoundError("There is no such account.")
        return user

    @staticmethod
    def _by_email(session: Session, email: str) -> User | None:
        if not email.isprintable():  # no database looks for what it cannot hold
            return None
        return session.exec(select(User).where(User.email == email)).first()
