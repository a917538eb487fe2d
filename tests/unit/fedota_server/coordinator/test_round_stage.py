"""Reporting closes exactly by the rules, and stages follow each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_server.coordinator.round_stage import RoundStage, Stage, Verdict


def reporting(tasks: int = 4, *, goal: int = 3, minimum: int = 2) -> RoundStage:
    stage = RoundStage(goal=goal, minimum=minimum, now=0.0)
    stage.configure(1.0)
    stage.report(range(1, tasks + 1), deadline=100.0, now=1.5)
    return stage


def test_it_closes_at_the_goal() -> None:
    stage = reporting()
    for task in (1, 2):
        stage.note_reported(task)
        assert stage.decide(2.0) is Verdict.WAIT
    stage.note_reported(3)
    assert stage.decide(2.0) is Verdict.CLOSE


def test_it_closes_with_the_minimum_when_nobody_can_still_report() -> None:
    stage = reporting()
    stage.note_reported(1)
    stage.note_reported(2)
    stage.note_lost(3)
    assert stage.decide(2.0) is Verdict.WAIT
    stage.note_absent(4)
    assert stage.decide(2.0) is Verdict.CLOSE


def test_it_waits_for_who_may_come_back_below_the_minimum() -> None:
    stage = reporting(2)
    stage.note_reported(1)
    stage.note_absent(2)
    assert stage.decide(99.0) is Verdict.WAIT
    stage.note_present(2)
    stage.note_reported(2)
    assert stage.decide(99.0) is Verdict.CLOSE


def test_it_is_abandoned_when_too_few_can_ever_report() -> None:
    stage = reporting(2)
    stage.note_reported(1)
    stage.note_lost(2)
    assert stage.decide(2.0) is Verdict.ABANDON


@pytest.mark.parametrize(
    ("reported", "verdict"), [(1, Verdict.ABANDON), (2, Verdict.CLOSE), (3, Verdict.CLOSE)]
)
def test_at_the_deadline_the_minimum_decides(reported: int, verdict: Verdict) -> None:
    stage = reporting()
    for task in range(1, reported + 1):
        stage.note_reported(task)
    assert stage.decide(100.0) is verdict


def test_a_report_taken_back_is_wanted_again() -> None:
    stage = reporting(3)
    for task in (1, 2, 3):
        stage.note_reported(task)
    stage.note_void(2, present=True)
    assert stage.decide(2.0) is Verdict.WAIT
    stage.note_reported(2)
    assert stage.decide(2.0) is Verdict.CLOSE


def test_a_task_in_place_of_another_waits_for_its_client() -> None:
    stage = reporting(2)
    stage.note_reported(1)
    stage.note_replaced(2, by=7)
    assert stage.decide(2.0) is Verdict.WAIT
    stage.note_present(7)
    stage.note_reported(7)
    assert stage.decide(2.0) is Verdict.CLOSE


def test_an_exchange_without_minimum_closes_with_nobody() -> None:
    stage = reporting(1, goal=1, minimum=0)
    stage.note_lost(1)
    assert stage.decide(2.0) is Verdict.CLOSE


def test_time_is_counted_by_stage() -> None:
    stage = reporting()
    assert stage.stage is Stage.REPORTING
    stage.complete(4.0)
    assert stage.over
    assert stage.stage_s == {"selection": 1.0, "configuration": 0.5, "reporting": 2.5}


def test_it_says_where_it_was_abandoned() -> None:
    stage = RoundStage(goal=3, minimum=2, now=0.0)
    assert stage.abandon(60.0) is Stage.SELECTION
    assert stage.over
    assert stage.stage_s == {"selection": 60.0}


EVENTS = ["reported", "void", "void_absent", "lost", "absent", "present"]


@given(
    st.integers(1, 5),
    st.integers(0, 3),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(1, 6)), max_size=30),
    st.floats(2.0, 120.0),
)
def test_it_closes_exactly_by_the_rules(
    goal: int, minimum: int, events: list[tuple[str, int]], now: float
) -> None:
    tasks = range(1, 7)
    stage = reporting(6, goal=goal, minimum=min(goal, minimum))
    where = dict.fromkeys(tasks, "open")
    for event, task in events:
        if event == "reported":
            stage.note_reported(task)
            where[task] = "reported"
        elif event.startswith("void") and where[task] == "reported":
            present = event == "void"
            stage.note_void(task, present=present)
            where[task] = "open" if present else "absent"
        elif event == "lost" and where[task] != "reported":
            stage.note_lost(task)
            where[task] = "lost"
        elif event == "absent" and where[task] == "open":
            stage.note_absent(task)
            where[task] = "absent"
        elif event == "present" and where[task] == "absent":
            stage.note_present(task)
            where[task] = "open"
    counts = {name: list(where.values()).count(name) for name in set(where.values())}
    reported, can_report = counts.get("reported", 0), counts.get("open", 0)
    may_return = counts.get("absent", 0)
    assert stage.reported == {task for task in tasks if where[task] == "reported"}
    enough = reported >= stage.minimum
    if reported >= goal or (enough and (not can_report or now >= 100.0)):
        expected = Verdict.CLOSE
    elif now >= 100.0 or not (can_report or may_return):
        expected = Verdict.ABANDON
    else:
        expected = Verdict.WAIT
    assert stage.decide(now) is expected
