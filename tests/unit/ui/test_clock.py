"""The round clock and the stages."""

from __future__ import annotations

from typing import Any

import pytest

from fedota_server.webserver.live import ClockView
from ui.parts.clock import clock_words, share_here, stage_notes
from ui.parts.stages import stages_html


def _clock(stage: str, **more: Any) -> ClockView:
    values: dict[str, Any] = {
        "state": "running",
        "detail": "",
        "generation": 0,
        "server_round": 3,
        "attempt": 1,
        "rounds": 20,
        "waiting": 2,
        "cohort": 6,
        "reported": 4,
        "goal": 5,
        "minimum": 3,
        "closes_in_s": 130.0,
        "members_bound": 7,
        "selectors": (),
        "age_s": 0.0,
        **more,
    }
    return ClockView(stage=stage, **values)


@pytest.mark.parametrize(
    ("clock", "words"),
    [
        (
            _clock("reporting"),
            "Round 3 of 20, reporting: 4 of 5 reports, minimum 3, closes in 2 min 10 s, "
            "waiting for 1.",
        ),
        (
            _clock("reporting", age_s=100.0, cohort=4),
            "Round 3 of 20, reporting: 4 of 4 reports, minimum 3, closes in 30 s.",
        ),
        (
            _clock("reporting", age_s=200.0, attempt=2),
            "Round 3 of 20, attempt 2, reporting: 4 of 5 reports, minimum 3, closes now, "
            "waiting for 1.",
        ),
        (
            _clock("selection"),
            "Round 3 of 20, selection: 2 of 5 clients here, minimum 3, closes in 2 min 10 s.",
        ),
        (
            _clock("waiting"),
            "Round 3 of 20, waiting for data holders: 2 clients here, 1 more needed to begin.",
        ),
        (
            _clock("configuration", closes_in_s=0.0),
            "Round 3 of 20, configuration: the model goes to 6 clients.",
        ),
        (
            _clock("evaluation", reported=5, cohort=5, closes_in_s=20.0),
            "Round 3 of 20, evaluation: 5 of 5 reports on held-out data, closes in 20 s.",
        ),
        (
            _clock("paused", closes_in_s=0.0),
            "Round 3 of 20, paused: it goes on when the setter resumes it.",
        ),
    ],
)
def test_the_sentence(clock: ClockView, words: str) -> None:
    assert clock_words(clock) == words


def test_the_bar_shows_what_has_come() -> None:
    assert share_here(_clock("reporting")) == 0.8
    assert share_here(_clock("waiting")) == pytest.approx(2 / 3)
    assert share_here(_clock("paused")) == 0.0


@pytest.mark.parametrize(
    ("stage", "done", "current"),
    [
        ("waiting", 0, "selection"),
        ("selection", 0, "selection"),
        ("configuration", 1, "configuration"),
        ("reporting", 2, "reporting"),
        ("evaluation", 4, "completed"),
        ("paused", 0, ""),
    ],
)
def test_the_picture_marks_the_present_stage(stage: str, done: int, current: str) -> None:
    html = stages_html(stage, stage_notes(_clock(stage)))
    assert html.count('class="done"') == done
    assert html.count('aria-current="step"') == (1 if current else 0)
    if current:
        after = html[html.index('aria-current="step"') :]
        assert after.index(f">{current}<") < after.index("</li>")


def test_a_note_is_text() -> None:
    assert "<b>" not in stages_html("selection", {"selection": "<b>x</b>"})
