"""The first administrator, made with a code that only the machine's owner sees."""

from __future__ import annotations

import hmac
import threading
from typing import Any

from sqlmodel import Session, col, select

from fedota_proto.errors import ConflictError, SignInError
from fedota_server.webserver import audit
from fedota_server.webserver.account import account_of
from fedota_server.webserver.account_desk import AccountDesk
from fedota_server.webserver.account_fields import clean_email, clean_name
from fedota_server.webserver.passwords import refuse_weak
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.secret_text import code_as_typed, new_code, sha256_of
from fedota_server.webserver.sessions import open_session
from fedota_server.webserver.tables import User


class SetUp(AccountDesk):
    """Makes the first administrator."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._code = new_code()
        self._code_sha256 = sha256_of(code_as_typed(self._code))
        self._is_set_up = threading.Event()

    def needs_setup(self) -> bool:
        """Tell whether there is no administrator yet."""
        if not self._is_set_up.is_set():
            with self._database.session() as session:
                if _has_admin(session):
                    self._is_set_up.set()
        return not self._is_set_up.is_set()

    def setup_code(self) -> str:
        """Return the code that `set_up` asks for: another one in each process, kept nowhere."""
        return self._code

    def set_up(self, code: str, email: str, name: str, password: str, *, browser: str = "") -> str:
        """Make the first administrator, who is a problem setter and a data holder too.

        Returns
        -------
        str
            The token of a new session.

        Raises
        ------
        SignInError
            The code is wrong.
        ConflictError
            There is an administrator already; the code opens nothing any more.
        UsageError
            The e-mail address, name or password will not do.
        """
        if not self.needs_setup():
            raise _set_up_already()
        if not hmac.compare_digest(sha256_of(code_as_typed(code)), self._code_sha256):
            raise SignInError(
                "The set-up code is wrong: take the one that fedota up printed in its terminal."
            )
        email, name = clean_email(email), clean_name(name)
        refuse_weak(password, email)
        password_hash = self._passwords.hash(password)
        now = self._clock()
        with self._adding() as session:
            self._database.alone(session, "admins")
            if _has_admin(session):
                raise _set_up_already()
            user = self._add(
                session,
                email=email,
                name=name,
                roles=frozenset(Role),
                password_hash=password_hash,
            )
            audit.record(session, now, account_of(user).actor, "set the platform up", subject=email)
            token = open_session(session, user, browser, now, self._settings.session_days)
        self._is_set_up.set()
        return token


def _has_admin(session: Session) -> bool:
    return (
        session.exec(select(User.id).where(col(User.is_admin).is_(True)).limit(1)).first()
        is not None
    )


def _set_up_already() -> ConflictError:
    return ConflictError("This platform has its administrator: sign in, or ask them.")
