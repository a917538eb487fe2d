"""Signing in at another service."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.accounts import BROWSER, accounts_in, add, set_up, sign_in

from fedota_proto.errors import ConflictError, ForbiddenError, SignInError
from fedota_server.webserver.accounts import Account, Accounts
from fedota_server.webserver.audit import Audit
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import Role

ISSUER = "https://sso.example.org"


@pytest.fixture
def accounts(database: Database) -> Accounts:
    """Accounts of a platform at which everybody may register."""
    return accounts_in(database, registration="open")


def enter(
    accounts: Accounts,
    subject: str = "s-1",
    email: str = "cem@example.org",
    name: str = "Cem",
    *,
    issuer: str = ISSUER,
    verified: bool = True,
) -> Account:
    token = accounts.sign_in_oidc(issuer, subject, email, name, verified, browser=BROWSER)
    found = accounts.by_session(token)
    assert found is not None
    return found


def test_an_account_is_made_where_registration_is_open(accounts: Accounts, ada: Account) -> None:
    cem = enter(accounts, email="Cem@Example.org")
    assert (cem.email, cem.name) == ("cem@example.org", "Cem")
    assert cem.roles == {Role.SETTER, Role.HOLDER}
    assert not cem.has_password
    assert not cem.must_change_password


def test_it_is_known_again_by_issuer_and_subject_whatever_else_changes(
    accounts: Accounts, ada: Account
) -> None:
    cem = enter(accounts)
    again = enter(accounts, email="other@example.org", name="Other", verified=False)
    assert again == cem


@pytest.mark.parametrize(
    ("issuer", "subject"), [("https://other.example.org", "s-1"), (ISSUER, "s-2")]
)
def test_another_issuer_or_subject_is_somebody_else(
    accounts: Accounts, ada: Account, issuer: str, subject: str
) -> None:
    enter(accounts)
    with pytest.raises(SignInError, match="does not vouch that it is yours"):
        enter(accounts, subject, issuer=issuer)
    dan = enter(accounts, subject, "dan@example.org", "Dan", issuer=issuer)
    assert dan.email == "dan@example.org"


def test_no_password_opens_such_an_account(accounts: Accounts, ada: Account) -> None:
    enter(accounts)
    for password in ("", "None"):
        with pytest.raises(SignInError, match="No account has"):
            sign_in(accounts, "cem@example.org", password)


def test_a_verified_address_links_and_shuts_out_what_opened_it_before(
    accounts: Accounts, ada: Account
) -> None:
    squatted = add(accounts, ada, "Cem", Role.HOLDER)
    session_token = sign_in(accounts, "cem@example.org")
    api_token, _ = accounts.make_token(squatted.actor, "script", None)
    linked = enter(accounts, email="CEM@example.org")
    assert linked.user_id == squatted.user_id
    assert linked.roles == {Role.HOLDER}
    assert not linked.has_password
    assert accounts.by_session(session_token) is None
    assert accounts.by_token(api_token) is None
    with pytest.raises(SignInError, match="No account has"):
        sign_in(accounts, "cem@example.org")


def test_an_address_that_is_not_verified_links_nothing(accounts: Accounts, ada: Account) -> None:
    add(accounts, ada, "Cem", Role.HOLDER)
    with pytest.raises(SignInError, match="does not vouch that it is yours"):
        enter(accounts, verified=False)
    sign_in(accounts, "cem@example.org")


@pytest.mark.parametrize("mode", ["closed", "code"])
def test_nobody_new_comes_in_where_registration_is_not_open(
    accounts: Accounts, ada: Account, mode: str
) -> None:
    known = enter(accounts)
    accounts.set_registration(ada.actor, mode, "open sesame")
    with pytest.raises(ForbiddenError, match=r"no account for dan@example\.org"):
        enter(accounts, "s-2", "dan@example.org")
    assert enter(accounts) == known
    add(accounts, ada, "Dan", Role.HOLDER)
    assert enter(accounts, "s-2", "dan@example.org").roles == {Role.HOLDER}


def test_a_disabled_account_stays_out(accounts: Accounts, ada: Account) -> None:
    cem = enter(accounts)
    accounts.set_disabled(ada.actor, cem.user_id, True)
    with pytest.raises(SignInError, match="is disabled"):
        enter(accounts)


def test_nobody_becomes_the_first_by_it(accounts: Accounts) -> None:
    with pytest.raises(ConflictError, match="no administrator yet"):
        enter(accounts)
    set_up(accounts)
    enter(accounts)


@pytest.mark.parametrize(
    ("issuer", "subject", "email", "said"),
    [
        ("", "s-1", "cem@example.org", "did not say who you are"),
        (ISSUER, "", "cem@example.org", "did not say who you are"),
        (ISSUER, "s" * 400, "cem@example.org", "did not say who you are"),
        (ISSUER, "s\x00", "cem@example.org", "did not say who you are"),
        (ISSUER, "s-1", "", "no e-mail address"),
        (ISSUER, "s-1", "cem", "no e-mail address"),
    ],
)
def test_claims_that_name_nobody_open_nothing(
    accounts: Accounts, ada: Account, issuer: str, subject: str, email: str, said: str
) -> None:
    with pytest.raises(SignInError, match=said):
        enter(accounts, subject, email, issuer=issuer)


@pytest.mark.parametrize(
    ("told", "kept"),
    [("", "cem"), ("\u202e", "cem"), (" Cem  K. ", "Cem K."), ("x" * 99, "x" * 80)],
)
def test_the_services_name_is_taken_if_it_is_one(
    accounts: Accounts, ada: Account, told: str, kept: str
) -> None:
    assert enter(accounts, name=told).name == kept


def test_the_first_time_twice_at_once_makes_one_account(accounts: Accounts, ada: Account) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: enter(accounts).user_id, range(8)))
    assert len(set(found)) == 1
    assert accounts.users(ada.actor)[1] == 2


def test_a_password_can_be_set_later(accounts: Accounts, ada: Account) -> None:
    cem = enter(accounts)
    accounts.change_password(cem.actor, "", "another horse battery")
    sign_in(accounts, "cem@example.org", "another horse battery")


def test_it_is_written_down(accounts: Accounts, ada: Account, database: Database) -> None:
    enter(accounts)
    add(accounts, ada, "Dan", Role.HOLDER)
    enter(accounts, "s-2", "dan@example.org")
    actions = [entry.action for entry in Audit(database).entries(ada.actor, who="Cem")]
    assert actions == ["sign in by single sign-on", "register"]
    actions = [entry.action for entry in Audit(database).entries(ada.actor, who="Dan")]
    assert actions[:2] == ["sign in by single sign-on", "link single sign-on"]
