"""Why a problem has failed, and what to do."""

from __future__ import annotations

import pytest
from support.page_text import text_of, unescaped
from support.web import Web
from support.web_problems import WebProblems

from fedota_server.webserver.tables import RoundRow

REASON = "5 attempts in a row were abandoned: 2 of 5 reports came, 3 are needed"


@pytest.fixture
def failed(web: Web) -> str:
    """Sara's problem, which has failed in round 3."""
    sara = web.person("Sara").actor
    problems = WebProblems(web)
    pid = problems.publish(
        sara, status="failed", status_reason=REASON, failure_id="f-12ab", completed_round=2
    )
    problems.train(pid, 2)
    problems.add(
        RoundRow(
            problem_id=pid,
            generation=0,
            server_round=3,
            attempt=5,
            completed=False,
            reason="2 of 5 reports",
            abandoned_in="reporting",
            admitted=5,
            reported=2,
            ended_unix_s=1.7e9,
        )
    )
    return pid


def test_the_setter_is_told_the_stage_the_cause_the_remedy_and_the_id(
    web: Web, failed: str
) -> None:
    web.show_to("sara@example.org")
    text = unescaped(text_of(web.page("problem", id=failed)))
    assert "Training failed: round 3, reporting" in text
    assert REASON in text
    assert "resume: training goes on at round 2's checkpoint" in text
    assert "f-12ab" in text


def test_a_data_holder_is_told_that_there_is_nothing_to_do(web: Web, failed: str) -> None:
    web.show_to(web.person("Hugo").email)
    text = unescaped(text_of(web.page("problem", id=failed)))
    assert "Training failed" in text
    assert "There is nothing that you need to do" in text


def test_a_server_that_was_given_up_is_named(web: Web, failed: str) -> None:
    problems = WebProblems(web)
    problems.change(failed, status_reason="")
    problems.server(failed, "selector-2", "given up", "it ended 5 times within a minute")
    web.show_to("sara@example.org")
    text = unescaped(text_of(web.page("problem", id=failed)))
    assert "selector-2 could not be kept running" in text
    assert "it ended 5 times within a minute" in text


def test_a_problem_that_trains_has_no_such_card(web: Web, failed: str) -> None:
    WebProblems(web).change(failed, status="running", status_reason="")
    web.show_to("sara@example.org")
    assert "Training failed" not in text_of(web.page("problem", id=failed))
