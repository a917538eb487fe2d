"""People who make their own account, where they may."""

from __future__ import annotations

from collections.abc import Collection

from fedota_proto.errors import ConflictError, ForbiddenError, SignInError, UsageError
from fedota_server.webserver import audit
from fedota_server.webserver.account import account_of
from fedota_server.webserver.account_fields import clean_email, clean_name
from fedota_server.webserver.passwords import refuse_weak
from fedota_server.webserver.permissions import Action, Actor, Role, require
from fedota_server.webserver.registration_rules import (
    GIVEN_ROLES,
    MODES,
    RegistrationView,
    read_code_hash,
    read_rules,
    write_rules,
)
from fedota_server.webserver.set_up import SetUp
from fedota_server.webserver.sign_in import SignIn
from fedota_server.webserver.throttle import for_address, for_registrations

_CODE_LEAST = 8


class Registration(SignIn, SetUp):
    """Registers people, by the rules that an administrator sets."""

    def registration(self) -> RegistrationView:
        """Tell who may register."""
        with self._database.session() as session:
            return read_rules(session, self._settings.registration)

    def set_registration(
        self,
        actor: Actor,
        mode: str,
        code: str | None = None,
        roles: Collection[Role] | None = None,
    ) -> None:
        """Say who may register, from now on.

        Parameters
        ----------
        mode
            ``open``, ``code`` or ``closed``.
        code
            What is asked for in mode ``code``; None keeps the one that is set.
        roles
            What a new account is; None keeps them.

        Raises
        ------
        SignInError, ForbiddenError
            The actor may not.
        UsageError
            There is no such mode, the code is missing or short, or the roles cannot be given.
        """
        require(actor, Action.CHANGE_SETTINGS)
        wanted = next((known for known in MODES if known == mode), None)
        if wanted is None:
            raise UsageError(f"Registration is {', '.join(MODES[:-1])} or {MODES[-1]}.")
        if roles is not None and not GIVEN_ROLES.issuperset(roles):
            raise UsageError("Who registers can be setter and holder; an administrator is made.")
        if code is not None and len(code.strip()) < _CODE_LEAST:
            raise UsageError(f"The registration code is short: take {_CODE_LEAST} characters.")
        new_hash = None if code is None else self._passwords.hash(code.strip())
        with self._database.session() as session, session.begin():
            before = read_rules(session, self._settings.registration)
            code_hash = new_hash or read_code_hash(session)
            if wanted == "code" and code_hash is None:
                raise UsageError("No registration code is set: give one.")
            given = before.roles if roles is None else frozenset(roles)
            write_rules(session, wanted, code_hash, given)
            audit.record(
                session,
                self._clock(),
                actor,
                "change registration",
                subject=wanted,
                detail=_change(before, given, new_code=new_hash is not None),
            )

    def register(
        self,
        email: str,
        name: str,
        password: str,
        *,
        code: str = "",
        address: str,
        browser: str,
    ) -> str:
        """Make an account and sign its browser in.

        Parameters
        ----------
        code
            Asked for where registration is by code.
        address, browser
            As for `sign_in`.

        Returns
        -------
        str
            The token of the new session.

        Raises
        ------
        ForbiddenError
            Registration is closed.
        SignInError
            The code is wrong.
        UsageError
            The e-mail address, name or password will not do.
        ConflictError
            The e-mail address has an account, or the platform has no administrator yet.
        BusyError
            Too many attempts, or too many registrations from this address.
        """
        if self.needs_setup():
            raise ConflictError("This platform has no administrator yet: set it up first.")
        with self._database.session() as session:
            rules = read_rules(session, self._settings.registration)
            code_hash = read_code_hash(session)
        if rules.mode == "closed":
            raise ForbiddenError(
                "Nobody can register here by themselves: ask an administrator of this platform."
            )
        email, name = clean_email(email), clean_name(name)
        refuse_weak(password, email)
        self._throttle.count(for_registrations(address))
        if rules.mode == "code":
            self._check_code(code_hash, code, address)
        password_hash = self._passwords.hash(password)
        with self._adding() as session:
            user = self._add(
                session, email=email, name=name, roles=rules.roles, password_hash=password_hash
            )
            audit.record(session, self._clock(), account_of(user).actor, "register", subject=email)
            return self._enter(session, user, browser, "sign in")

    def _check_code(self, code_hash: str | None, code: str, address: str) -> None:
        origin = for_address(address)
        self._throttle.count(origin)
        if not self._passwords.check(code_hash, code.strip()).right:
            raise SignInError(
                "The registration code is wrong: ask whoever invited you to this platform."
            )
        with self._database.session() as session, session.begin():
            self._throttle.forgive(session, once=origin)


def _change(before: RegistrationView, given: frozenset[Role], *, new_code: bool) -> str:
    roles = ", ".join(sorted(given)) or "without a role"
    return f"before: {before.mode}; new accounts: {roles}" + ("; a new code" if new_code else "")
