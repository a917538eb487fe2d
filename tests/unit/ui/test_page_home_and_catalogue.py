"""Home and the catalogue, for each kind of person, empty and full."""

from __future__ import annotations

import re

import pytest
from support.page_text import field, text_of, unescaped
from support.web import Web
from support.web_problems import NASTY, WebProblems

from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role


@pytest.fixture
def problems(web: Web) -> WebProblems:
    return WebProblems(web)


@pytest.fixture
def sara(web: Web) -> Account:
    return web.person("Sara", {Role.SETTER})


@pytest.fixture
def hugo(web: Web) -> Account:
    return web.person("Hugo", {Role.HOLDER})


@pytest.mark.parametrize("page", ["home", "catalogue", "problem", "join", "new_problem", "my_data"])
def test_nobody_is_led_to_sign_in(web: Web, page: str) -> None:
    web.show_to("")
    shown = web.script(page)
    assert not shown.exception
    assert "signed out" in text_of(shown)
    assert not shown.title


def test_an_empty_home_says_what_to_do_next(web: Web, sara: Account, hugo: Account) -> None:
    web.show_to(sara.email)
    text = text_of(web.page("home"))
    assert "You have not set a problem yet" in text
    assert "take part in" not in text
    web.show_to(hugo.email)
    text = text_of(web.page("home"))
    assert "You take part in no problem yet" in text
    assert "Open the catalogue" in text


def test_a_setter_is_told_what_needs_attention_the_most_urgent_first(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    asked = problems.publish(sara.actor, "Asked for", admission="approval")
    web.platform.memberships.join(hugo.actor, asked, "please")
    problems.publish(sara.actor, "Broken", status="failed", status_reason="no reports")
    problems.draft(sara.actor, "Half written", whole=False)
    web.show_to(sara.email)
    text = unescaped(text_of(web.page("home")))
    said = [
        "Broken has failed: no reports",
        "1 data holder asks to join Asked for",
        "Half written is a draft",
    ]
    places = [text.index(words) for words in said]
    assert places == sorted(places)


def test_a_data_holder_is_told_what_to_do_with_a_membership(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    open_to_all = problems.publish(sara.actor, "Open", admission="anyone")
    guarded = problems.publish(sara.actor, "Guarded", admission="approval")
    web.platform.memberships.join(hugo.actor, open_to_all)
    web.platform.memberships.join(hugo.actor, guarded)
    web.show_to(hugo.email)
    text = unescaped(text_of(web.page("home")))
    assert "You may take part in Open: enrol a client" in text
    assert "Your request to join Guarded waits for its setter" in text


def test_an_administrator_is_told_of_others_failures(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    problems.publish(sara.actor, "Broken", status="failed", status_reason="no reports")
    web.show_to("admin@example.org")
    assert "Broken of Sara has failed: no reports" in unescaped(text_of(web.page("home")))


def test_the_empty_catalogue_leads_setters_on(web: Web, sara: Account, hugo: Account) -> None:
    web.show_to(sara.email)
    assert "Publish the first" in text_of(web.page("catalogue"))
    web.show_to(hugo.email)
    text = text_of(web.page("catalogue"))
    assert "No problem is published yet" in text
    assert "Publish the first" not in text


def test_a_card_says_what_is_needed_and_shows_html_as_text(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    problems.publish(sara.actor, NASTY)
    problems.draft(sara.actor, "Not for others")
    web.show_to(hugo.email)
    page = web.page("catalogue")
    text = text_of(page)
    assert "\\<b onclick\\=alert" in text
    assert not re.search(r"(?<!\\)<b ", text)
    shown = unescaped(text)
    assert NASTY in shown
    assert "2 columns, to predict relapse; at least 12 examples" in shown
    assert "no data holder so far, 5 wanted in a round, on approval" in shown
    assert "set by Sara" in shown
    assert "Not for others" not in shown
    assert "tracker.example" not in shown


def test_it_is_searched_and_filtered(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    problems.publish(sara.actor, "Sepsis", status="running")
    problems.publish(sara.actor, "Delirium", status="completed")
    web.show_to(hugo.email)
    page = web.page("catalogue")
    field(page, "Search").set_value("seps")
    text = text_of(page.run())
    assert "Sepsis" in text
    assert "Delirium" not in text
    field(page, "Search").set_value("")
    field(page, "Status").set_value("completed")
    text = text_of(page.run())
    assert "Delirium" in text
    assert "Sepsis" not in text
    field(page, "Search").set_value("nothing like that")
    assert "Nothing found" in text_of(page.run())


def test_it_is_leafed_through(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    for number in range(30):
        problems.publish(sara.actor, f"Problem {number:02}", published_unix_s=1.7e9 + number)
    web.show_to(hugo.email)
    page = web.page("catalogue")
    text = text_of(page)
    assert "30 problems" in text
    assert "Problem 29" in text
    assert "Problem 17" not in text
    page.pagination[0].set_value(2).run()
    text = text_of(page)
    assert "Problem 17" in text
    assert "Problem 29" not in text
