"""The page of one's own account."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest
from support.web import PASSWORD, Web

GRACE = "grace@example.org"


@pytest.fixture
def page(web: Web) -> AppTest:
    """Grace's page."""
    web.person("Grace")
    web.show_to(GRACE)
    return web.page("account")


def _click(page: AppTest, label: str) -> AppTest:
    (button,) = [one for one in page.button if one.label == label]
    return button.click().run()


def _field(page: AppTest, label: str):  # type: ignore[no-untyped-def]
    (field,) = [one for one in page.text_input if one.label == label]
    return field


def test_the_name_is_changed(web: Web, page: AppTest) -> None:
    _field(page, "Name").set_value("Grace Hopper")
    _click(page, "Save the name")
    assert not page.exception
    users, _ = web.platform.accounts.users(web.admin, "hopper")
    assert [user.email for user in users] == [GRACE]


def test_the_password_is_changed_and_this_browser_stays_signed_in(web: Web, page: AppTest) -> None:
    elsewhere = web.sign_in(GRACE)
    _field(page, "Password so far").set_value(PASSWORD)
    _field(page, "New password").set_value("another long one")
    _field(page, "New password again").set_value("another long one")
    _click(page, "Change the password")
    assert not page.error
    assert page.title[0].value == "Your account"
    assert web.platform.accounts.by_session(elsewhere) is None


def test_two_new_passwords_that_differ_change_nothing(web: Web, page: AppTest) -> None:
    _field(page, "Password so far").set_value(PASSWORD)
    _field(page, "New password").set_value("another long one")
    _field(page, "New password again").set_value("another long two")
    _click(page, "Change the password")
    assert "differ" in page.error[0].value
    assert web.sign_in(GRACE)


def test_a_wrong_old_password_is_refused(page: AppTest) -> None:
    _field(page, "Password so far").set_value("not the password")
    _field(page, "New password").set_value("another long one")
    _field(page, "New password again").set_value("another long one")
    _click(page, "Change the password")
    assert "old password" in page.error[0].value


def test_a_token_is_shown_once_and_opens_the_api(web: Web, page: AppTest) -> None:
    _field(page, "What for").set_value("notebook")
    _click(page, "Make a token")
    (shown,) = [one.value for one in page.code]
    found = web.platform.accounts.by_token(shown)
    assert found is not None
    assert found.email == GRACE
    page.run()
    assert not page.code
    assert any("notebook" in one.value for one in page.markdown)


def test_a_token_is_revoked_after_a_question(web: Web, page: AppTest, asked: list[str]) -> None:
    _field(page, "What for").set_value("notebook")
    _click(page, "Make a token")
    token = page.code[0].value
    _click(page, "Revoke")
    assert asked == ["Revoke this token?"]
    assert web.platform.accounts.by_token(token) is None


def test_signing_out_everywhere_ends_this_browser_too(
    web: Web, page: AppTest, asked: list[str]
) -> None:
    elsewhere = web.sign_in(GRACE)
    _click(page, "Sign out everywhere")
    assert asked == ["Sign out everywhere?"]
    assert web.platform.accounts.by_session(elsewhere) is None
    page.run()
    assert "signed out" in page.info[0].value
    assert not page.title


def test_one_other_browser_is_signed_out(web: Web, page: AppTest) -> None:
    elsewhere = web.sign_in(GRACE)
    page.run()
    own = web.cookies[web.cookie.name]
    _click(page, "Sign it out")
    assert web.platform.accounts.by_session(elsewhere) is None
    assert web.platform.accounts.by_session(own) is not None


def test_whose_password_was_set_by_an_administrator_chooses_one_first(web: Web) -> None:
    _, first = web.platform.accounts.add_user(web.admin, "new@example.org", "New", [])
    token = web.platform.accounts.sign_in("new@example.org", first, address="192.0.2.1", browser="")
    web.cookies[web.cookie.name] = token
    page = web.page("account")
    assert page.title[0].value == "Choose a password"
    assert not page.tabs
    _field(page, "Password so far").set_value(first)
    _field(page, "New password").set_value(PASSWORD)
    _field(page, "New password again").set_value(PASSWORD)
    _click(page, "Change the password")
    assert page.title[0].value == "Your account"


def test_nobody_is_shown_where_to_sign_in(web: Web) -> None:
    page = web.page("account")
    assert "signed out" in page.info[0].value
    assert not page.text_input
