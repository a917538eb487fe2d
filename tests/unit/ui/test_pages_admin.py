"""The pages of the administration."""

from __future__ import annotations

import asyncio
import threading
from unittest.mock import patch

import pytest
from streamlit.testing.v1 import AppTest
from support.page_text import opened
from support.waiting import until
from support.web import PASSWORD, Web

from fedota_proto.errors import SignInError
from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.permissions import Role
from ui import session

ADMIN = "admin@example.org"
_PAGES = (
    "admin_users",
    "admin_problems",
    "admin_servers",
    "admin_audit",
    "admin_settings",
    "admin_health",
)


def _click(page: AppTest, label: str) -> AppTest:
    (button,) = [one for one in page.button if one.label == label]
    return button.click().run()


def _all_words(page: AppTest) -> str:
    return "\n".join(str(one.value) for one in [*page.markdown, *page.caption, *page.success])


@pytest.mark.parametrize("name", _PAGES)
def test_each_is_shown_on_an_empty_platform(web: Web, name: str) -> None:
    web.show_to(ADMIN)
    page = web.page(name)
    assert not page.exception
    assert page.title


@pytest.mark.parametrize("name", [one for one in _PAGES if one != "admin_settings"])
def test_the_use_cases_refuse_everybody_else(web: Web, name: str) -> None:
    web.person("Grace")
    web.show_to("grace@example.org")
    page = web.script(name)
    assert page.exception
    assert page.exception[0].message.startswith("Grace may not")


def test_who_is_no_administrator_cannot_change_the_registration(web: Web) -> None:
    web.person("Grace")
    web.show_to("grace@example.org")
    page = web.script("admin_settings")
    page.radio[0].set_value("open")
    _click(page, "Save")
    assert web.platform.accounts.registration().mode == "closed"


def test_a_user_is_added_with_a_password_that_is_shown_once(web: Web) -> None:
    web.show_to(ADMIN)
    page = opened(web.page("admin_users"), "add_user")
    page.text_input[0].set_value("grace@example.org")
    page.text_input[1].set_value("Grace")
    _click(page, "Add the user")
    assert not page.error
    (password,) = [one.value for one in page.code]
    accounts = web.platform.accounts
    assert accounts.sign_in("grace@example.org", password, address="192.0.2.1", browser="")
    page.run()
    assert not page.code


def test_a_mistake_is_said_and_nobody_is_added(web: Web) -> None:
    web.show_to(ADMIN)
    page = opened(web.page("admin_users"), "add_user")
    page.text_input[0].set_value("nobody")
    page.text_input[1].set_value("Nobody")
    _click(page, "Add the user")
    assert "address" in page.error[0].value
    assert page.text_input[0].value == "nobody"  # to be mended
    assert web.platform.accounts.users(web.admin)[1] == 1


def test_people_are_searched_and_leafed_through(web: Web) -> None:
    for number in range(30):
        web.platform.accounts.add_user(
            web.admin, f"p{number}@example.org", f"Person {number:02}", []
        )
    web.show_to(ADMIN)
    page = web.page("admin_users")
    assert len(page.expander) == 26  # one more adds a user
    page.text_input[0].set_value("person 07").run()
    assert len(page.expander) == 2
    assert "Person 07" in page.expander[1].label


def test_a_user_is_disabled_after_a_question_and_enabled_again(web: Web, asked: list[str]) -> None:
    grace = web.person("Grace")
    token = web.sign_in(grace.email)
    web.show_to(ADMIN)
    page = opened(web.page("admin_users"), f"user_{grace.user_id}")
    page.button(key=f"disable_{grace.user_id}").click().run()
    assert len(asked) == 1
    assert web.platform.accounts.by_session(token) is None
    with pytest.raises(SignInError):
        web.sign_in(grace.email)
    page = opened(web.page("admin_users"), f"user_{grace.user_id}")
    page.button(key=f"enable_{grace.user_id}").click().run()
    assert web.sign_in(grace.email)


def test_the_only_administrator_cannot_be_disabled(web: Web, asked: list[str]) -> None:
    web.show_to(ADMIN)
    page = opened(web.page("admin_users"), f"user_{web.admin.user_id}")
    page.button(key=f"disable_{web.admin.user_id}").click().run()
    assert len(asked) == 1
    assert "only administrator" in page.error[0].value
    assert web.sign_in(ADMIN)


def test_a_new_password_is_set_after_a_question(web: Web, asked: list[str]) -> None:
    grace = web.person("Grace")
    web.show_to(ADMIN)
    page = opened(web.page("admin_users"), f"user_{grace.user_id}")
    page.button(key=f"reset_{grace.user_id}").click().run()
    assert len(asked) == 1
    with pytest.raises(SignInError):
        web.sign_in(grace.email)


def test_the_registration_is_opened_with_a_code(web: Web) -> None:
    web.show_to(ADMIN)
    page = web.page("admin_settings")
    page.radio[0].set_value("code").run()
    page.text_input[0].set_value("three small words")
    _click(page, "Save")
    view = web.platform.accounts.registration()
    assert (view.mode, view.has_code) == ("code", True)


def test_the_audit_log_is_read_by_who_and_what(web: Web) -> None:
    web.person("Grace")
    web.show_to(ADMIN)
    page = web.page("admin_audit")
    table = page.dataframe[0].value
    assert {"When", "Who", "Action"} <= set(table.columns)
    page.text_input[1].set_value("no such deed").run()
    assert not page.dataframe
    assert "No entries" in _all_words(page)


def test_the_problems_of_everybody_are_listed(web: Web) -> None:
    grace = web.person("Grace", [Role.SETTER])
    web.platform.problems.create(grace.actor, "Tumours")
    web.show_to(ADMIN)
    page = web.page("admin_problems")
    assert not page.exception
    assert "Grace" in _all_words(page)
    assert PASSWORD not in _all_words(page)


def test_health_shows_what_it_looks_at_before_the_programs_have_been_tried(web: Web) -> None:
    web.show_to(ADMIN)
    may_end = threading.Event()

    def trials(self: Doctor) -> list[Finding]:
        assert may_end.wait(10)
        return [Finding("programs", State.PROBLEM, "the client does not start", "Install it.")]

    with patch.object(Doctor, "trials", trials):
        page = web.page("admin_health")
        assert "Each program is being started once" in _all_words(page)
        assert "client does not start" not in _all_words(page)
        assert "database" in _all_words(page)
        may_end.set()
        asyncio.run(until(lambda: not session.trials().seen(60).running, "an end of the trials"))
        page.run()
    assert "client does not start" in _all_words(page)
    assert "The programs were tried" in _all_words(page)
    assert not page.success
