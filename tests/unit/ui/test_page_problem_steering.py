"""What the buttons of a problem's page do."""

from __future__ import annotations

import pytest
from sqlmodel import col, select
from streamlit.testing.v1 import AppTest
from support.page_text import has_button, open_tab, press, text_of, unescaped
from support.web import Web
from support.web_problems import WebProblems

from fedota_proto.errors import ConflictError
from fedota_server.webserver.account import Account
from fedota_server.webserver.permissions import Role
from fedota_server.webserver.tables import CommandRow, ProblemRow
from fedota_server.webserver.views import KeptRounds
from ui.parts.members import leaving_words


@pytest.fixture
def problems(web: Web) -> WebProblems:
    return WebProblems(web)


@pytest.fixture
def sara(web: Web) -> Account:
    found = web.person("Sara", {Role.SETTER})
    web.show_to(found.email)
    return found


def _row(web: Web, pid: str) -> ProblemRow:
    with web.platform.database.session() as session:
        row = session.get(ProblemRow, pid)
    assert row is not None
    return row


def _commands(web: Web, pid: str) -> list[tuple[str, int]]:
    with web.platform.database.session() as session:
        rows = session.exec(select(CommandRow).where(col(CommandRow.problem_id) == pid)).all()
    return [(row.what, row.value) for row in rows]


def test_start_wishes_for_servers(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.publish(sara.actor, status="ready")
    page = press(web.page("problem", id=pid), "Start")
    assert not page.error
    assert _row(web, pid).wanted == "serving"
    assert not has_button(page, "Start")
    assert "The servers are starting" in text_of(page)


def test_pause_is_said_to_wait_for_the_open_round(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    page = press(web.page("problem", id=pid), "Pause")
    assert _commands(web, pid) == [("pause", 0)]
    assert "the open round is finished first" in text_of(page)


def test_what_the_coordinator_refuses_is_told_once(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    page = press(web.page("problem", id=pid), "Pause")
    with web.platform.database.session() as session, session.begin():
        (command,) = session.exec(select(CommandRow)).all()
        command.answered_unix_s, command.message = 1.7e9, "the problem is completed"
        session.add(command)
    said = unescaped(page.run().warning[0].value)
    assert said == "Pause was refused: the problem is completed"
    assert not page.run().warning


def test_what_is_refused_is_told_and_nothing_happens(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    web.platform.problems.pause(sara.actor, pid)
    page = press(web.page("problem", id=pid), "Pause")
    assert "has not answered yet" in unescaped(page.error[0].value)
    assert len(_commands(web, pid)) == 1


@pytest.mark.parametrize(
    ("button", "status", "question", "command"),
    [
        ("Stop", "running", "Stop training for good?", [("stop", 0)]),
        ("Archive", "completed", "Archive this problem?", []),
    ],
)
def test_what_cannot_be_undone_is_asked_first(
    web: Web,
    problems: WebProblems,
    sara: Account,
    asked: list[str],
    button: str,
    status: str,
    question: str,
    command: list[tuple[str, int]],
) -> None:
    pid = problems.publish(sara.actor, status=status, wanted="serving")
    press(web.page("problem", id=pid), button)
    assert asked == [question]
    assert _commands(web, pid) == command
    assert (_row(web, pid).status == "archived") is (button == "Archive")


def test_the_question_opens_a_dialog_and_does_nothing_yet(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=7)
    page = press(web.page("problem", id=pid), "Stop")
    assert has_button(page, "Stop for good")
    assert "round 7 of 20" in text_of(page)
    assert _commands(web, pid) == []


def _fields_script() -> None:
    import streamlit as st

    from ui.parts import actions
    from ui.session import account, platform

    view = platform().problems.view(account().actor, st.query_params["id"])
    if st.query_params["fields"] == "scale_fields":
        actions.scale_fields(platform(), view)
    else:  # the rounds stay those that were kept when the dialog was opened
        opened_with = st.session_state.setdefault("kept", actions.earlier_rounds(platform(), view))
        actions.roll_back_fields(platform(), view, opened_with)


def _fields(pid: str, name: str) -> AppTest:
    page = AppTest.from_function(_fields_script, default_timeout=30)
    page.query_params["id"] = pid
    page.query_params["fields"] = name
    return page.run()


def test_a_roll_back_offers_the_rounds_whose_state_is_kept(
    web: Web, problems: WebProblems, sara: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", completed_round=12)
    kept = KeptRounds((0, 9, 10, 11, 12), (10, 11, 12))
    monkeypatch.setattr(web.platform.problems, "_kept", lambda problem_id: kept)
    page = _fields(pid, "roll_back_fields")
    (choice,) = page.selectbox
    assert choice.options == ["round 11", "round 10"]
    later = KeptRounds((0, 9, 10, 11, 12, 13, 14), (10, 12, 13, 14))
    monkeypatch.setattr(web.platform.problems, "_kept", lambda problem_id: later)
    choice.set_value(10).run()
    assert "marked as superseded" in text_of(page)
    press(page, "Roll back to round 10")
    assert not page.error
    assert _commands(web, pid) == [("roll_back_to", 10)]


def test_without_a_kept_round_a_roll_back_says_so(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving")
    page = press(web.page("problem", id=pid), "Roll back")
    assert "There is no round to roll back to yet" in text_of(page)


def test_selectors_are_scaled(web: Web, problems: WebProblems, sara: Account) -> None:
    pid = problems.publish(sara.actor, status="running", wanted="serving", selectors=2)
    page = _fields(pid, "scale_fields")
    page.number_input[0].set_value(3).run()
    press(page, "Run 3 selectors")
    assert not page.error
    assert _row(web, pid).selectors == 3


def test_requests_are_decided_and_members_revoked(
    web: Web, problems: WebProblems, sara: Account, asked: list[str]
) -> None:
    pid = problems.publish(sara.actor, status="ready", admission="approval")
    memberships = web.platform.memberships
    north, south = web.person("North", {Role.HOLDER}), web.person("South", {Role.HOLDER})
    for holder in (north, south):
        memberships.join(holder.actor, pid, "<i>120 rows</i>")
    page = open_tab(web.page("problem", id=pid), "Members")
    text = text_of(page)
    assert "2 requests to decide" in text
    assert "\\<i\\>120 rows" in text
    page.button(key=f"approve_{north.user_id}").click().run()
    page.button(key=f"decline_{south.user_id}").click().run()
    states = {one.name: one.state for one in memberships.of_problem(sara.actor, pid)}
    assert states == {"North": "approved", "South": "declined"}
    page.button(key=f"revoke_{north.user_id}").click().run()
    assert asked == ["Revoke this membership?"]
    states = {one.name: one.state for one in memberships.of_problem(sara.actor, pid)}
    assert states["North"] == "revoked"


def test_who_left_is_told_with_the_round_that_leaves_it_out(
    web: Web, problems: WebProblems, sara: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = problems.publish(
        sara.actor, status="running", wanted="serving", completed_round=5, admission="anyone"
    )
    client = problems.client(web.person("North", {Role.HOLDER}).actor, pid, "north")
    problems.train(pid, 5)
    problems.update(pid, client, 4, "counted")
    problems.update(pid, client, 5, "counted")
    problems.change_client(client, last_change="left")
    kept = KeptRounds(arrays=(0, 3, 4, 5), state=(3, 4, 5))
    monkeypatch.setattr(web.platform.problems, "kept_rounds", lambda actor, pid: kept)
    page = open_tab(web.page("problem", id=pid), "Members")
    text = unescaped(text_of(page))
    assert "1 has left for good: see Members" in text
    assert "north is gone for good; it is in the model since round 4." in text
    assert "To train on without it, roll back to round 3." in text
    gone = next(one for one in web.platform.problems.members(sara.actor, pid)).clients[0]
    assert leaving_words(gone, (0, 4)).endswith("roll back to the published model.")
    assert leaving_words(gone, (4, 5)).endswith("No round before that is kept to roll back to.")


def test_without_members_it_says_how_they_come(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="ready", admission="anyone")
    page = open_tab(web.page("problem", id=pid), "Members")
    assert "they join at once" in text_of(page)


def test_a_button_of_a_page_that_is_out_of_date_does_no_harm(
    web: Web, problems: WebProblems, sara: Account
) -> None:
    pid = problems.publish(sara.actor, status="ready")
    page = web.page("problem", id=pid)
    problems.change(pid, status="completed", completed_round=20)
    press(page, "Start")
    assert not page.exception
    assert _row(web, pid).wanted == "stopped"
    with pytest.raises(ConflictError):
        web.platform.problems.start(sara.actor, pid)
