"""A problem's page."""

from __future__ import annotations

import time

import pytest
from support.page_text import has_button, open_tab, press, rows_of, text_of, unescaped
from support.web import Web
from support.web_problems import NASTY, WebProblems

from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role

STEERING = ("Start", "Pause", "Resume", "Stop", "Roll back", "Scale", "Archive")


@pytest.fixture
def problems(web: Web) -> WebProblems:
    return WebProblems(web)


@pytest.fixture
def sara(web: Web) -> Account:
    return web.person("Sara", {Role.SETTER})


@pytest.fixture
def hugo(web: Web) -> Account:
    return web.person("Hugo", {Role.HOLDER})


def _buttons(web: Web, email: str, pid: str) -> set[str]:
    web.show_to(email)
    page = web.page("problem", id=pid)
    assert not page.exception
    return {name for name in STEERING if has_button(page, name)}


def test_without_an_id_it_leads_to_the_catalogue(web: Web, sara: Account) -> None:
    web.show_to(sara.email)
    assert "Open the catalogue" in text_of(web.page("problem"))


def test_an_unknown_problem_is_told(web: Web, sara: Account) -> None:
    web.show_to(sara.email)
    page = web.page("problem", id="0123456789ab")
    assert not page.exception
    assert "There is no such problem" in unescaped(page.error[0].value)


def test_titles_and_descriptions_are_shown_as_text(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor)
    web.show_to(hugo.email)
    page = web.page("problem", id=pid)
    assert unescaped(page.title[0].value) == NASTY
    assert "<b" not in page.title[0].value.replace("\\<b", "")
    html = "\n".join(element.proto.body for element in page.get("html"))
    assert "&lt;script&gt;" in html
    assert "<img" not in html
    assert "<strong>Nuclei</strong>" in html


@pytest.mark.parametrize(
    ("status", "wanted", "expected"),
    [
        ("ready", "stopped", {"Start", "Scale", "Archive"}),
        ("running", "serving", {"Pause", "Stop", "Roll back", "Scale"}),
        ("waiting for data holders", "serving", {"Pause", "Stop", "Roll back", "Scale"}),
        ("paused", "serving", {"Resume", "Stop", "Roll back", "Scale"}),
        ("completed", "stopped", {"Roll back", "Archive"}),
        ("failed", "stopped", {"Resume", "Stop", "Roll back", "Scale", "Archive"}),
        ("archived", "stopped", set()),
    ],
)
def test_the_setter_has_the_buttons_that_fit_the_status(
    web: Web, problems: WebProblems, sara: Account, status: str, wanted: str, expected: set[str]
) -> None:
    pid = problems.publish(sara.actor, status=status, wanted=wanted, completed_round=2)
    assert _buttons(web, sara.email, pid) == expected


def test_others_have_none(web: Web, problems: WebProblems, sara: Account, hugo: Account) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    assert _buttons(web, hugo.email, pid) == set()
    assert _buttons(web, web.person("Other", {Role.SETTER}).email, pid) == set()


def test_an_administrator_steers_as_the_setter_does(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    assert "Pause" in _buttons(web, "admin@example.org", pid)


def test_the_round_clock_is_told_in_a_sentence(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    problems.clock(pid)
    web.show_to(hugo.email)
    text = text_of(web.page("problem", id=pid))
    assert "Round 3 of 20, reporting: 4 of 5 reports, minimum 3, closes in 2 min" in text
    assert "waiting for 1" in text
    assert 'aria-label="Stages of the round"' in text


def test_the_setter_sees_who_is_ready_and_who_is_away(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", admission="anyone")
    north, south = (problems.client(hugo.actor, pid, name) for name in ("north", "south"))
    tomorrow = time.time() + 86_400
    problems.change_client(north, last_change="away", away_until_unix_s=tomorrow)
    web.show_to(sara.email)
    text = unescaped(text_of(web.page("problem", id=pid)))
    assert "1 of 2 clients ready; 1 away, back tomorrow" in text
    problems.change_client(south, ready=True)
    problems.change(pid, completed_round=1)
    text = unescaped(text_of(web.page("problem", id=pid)))
    assert "ready" not in text
    assert "1 away, back tomorrow" in text
    web.show_to(hugo.email)
    assert "1 away" not in unescaped(text_of(web.page("problem", id=pid)))


def test_without_a_clock_it_says_how_it_stands(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="ready")
    web.show_to(sara.email)
    assert "0 data holders have joined\\. Start it" in text_of(web.page("problem", id=pid))
    problems.change(pid, status="completed", completed_round=20)
    web.show_to(hugo.email)
    assert "Completed with 20 of 20 rounds" in text_of(web.page("problem", id=pid))


def test_progress_shows_figures_and_charts(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=4)
    problems.train(pid, 4)
    web.show_to(hugo.email)
    page = web.page("problem", id=pid)
    assert not page.exception
    figures = {metric.label: metric.value for metric in page.metric}
    assert page.metric[0].delta == "of 20"
    assert figures == {
        "Rounds": "4",
        "Loss": "0.25",
        "Accuracy": "0.9",
        "Reports": "4 / 5",
        "Duration": "32 s",
    }
    titles = [unescaped(one.value) for one in page.markdown]
    for title in ("**Loss**", "**Accuracy**", "**What became of the admitted clients**"):
        assert title in titles
    assert len(page.get("arrow_vega_lite_chart")) + len(page.get("vega_lite_chart")) == 3
    for choice, title in (
        ("durations", "**Duration of a round, by stage**"),
        ("traffic", "**20.0 kB received, 28.0 kB sent**"),
    ):
        page = page.button_group(key="of_rounds").set_value(choice).run()
        assert title in [unescaped(one.value) for one in page.markdown]
        assert not page.exception


def test_before_the_first_round_it_says_what_comes_next(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="waiting for data holders", wanted="serving")
    web.show_to(sara.email)
    text = text_of(web.page("problem", id=pid))
    assert "No round yet" in text
    assert "as soon as enough are here" in text


def test_rounds_are_listed_newest_first_and_superseded_ones_marked(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=2)
    problems.train(pid, 3)
    problems.train(pid, 0)
    with web.platform.database.session() as session, session.begin():
        session.connection().exec_driver_sql(
            "UPDATE server_round SET superseded = true WHERE server_round = 3"
        )
    web.show_to(hugo.email)
    page = open_tab(web.page("problem", id=pid), "Rounds")
    (table,) = page.dataframe
    assert list(table.value["round"]) == [3, 2, 1]
    assert table.value["result"][0] == "superseded (completed)"
    assert table.value["reports"][1] == "4 of 5 (1 rejected)"
    assert table.value["evaluation"][1] == "loss 0.5, accuracy 0.9"
    assert "set aside by a roll-back" in text_of(page)


def test_older_rounds_are_leafed_to(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=120)
    problems.train(pid, 120)
    web.show_to(sara.email)
    page = open_tab(web.page("problem", id=pid), "Rounds")
    assert len(page.dataframe[0].value) == 50
    press(page, "Older")
    assert list(page.dataframe[0].value["round"][:2]) == [70, 69]
    press(page, "Newest")
    assert page.dataframe[0].value["round"][0] == 120


def test_servers_and_the_ends_of_their_logs_are_for_the_setter(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    problems.server(pid, "coordinator", "running")
    problems.server(pid, "selector-1", "backing off", "exit code 1")
    logs = web.platform.settings.home / "problems" / pid / ".fedota" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "coordinator.log").write_text("one\nround 1 completed\n")
    web.show_to(sara.email)
    page = open_tab(web.page("problem", id=pid), "Servers")
    text = unescaped(text_of(page))
    assert "backing off" in text
    assert "exit code 1" in text
    assert "round 1 completed" in page.code[0].value
    web.show_to(hugo.email)
    page = web.page("problem", id=pid)
    assert {tab.label for tab in page.tabs} == {"Progress", "Rounds", "Model", "About"}


def test_changes_say_who_did_what(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.publish(sara.actor, status="ready")
    web.platform.problems.start(sara.actor, pid)
    web.show_to(sara.email)
    page = open_tab(web.page("problem", id=pid), "Changes")
    newest = page.dataframe[0].value.iloc[0]
    assert (newest["who"], newest["what"]) == ("Sara", "start a problem")


def test_the_model_is_shown_and_offered_to_whom_may_have_it(
    web: Web, problems: WebProblems, sara: Account, hugo: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=1)
    web.show_to(hugo.email)
    page = open_tab(web.page("problem", id=pid), "Model")
    text = unescaped(text_of(page))
    assert "2 layers, 13 parameters in 2 arrays" in text
    assert "can download the trained model here" in text
    assert "/download/" not in text
    assert [row[0] for row in rows_of(page, "layer")] == ["dense", "out"]
