"""Rounds and scores as the pages ask for them: superseded ones too, and no more than are drawn."""

from __future__ import annotations

import pytest
from support.web_desk import WebDesk

from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.tables import EvaluationRow, ProblemRow, RoundRow


@pytest.fixture
def problem(desk: WebDesk, setter: Actor) -> str:
    """A problem with 100 completed rounds; a roll-back set one more aside."""
    pid = desk.published(setter)
    for server_round in range(1, 102):
        desk.add(
            EvaluationRow(
                problem_id=pid,
                generation=0,
                server_round=server_round,
                source="federated",
                metrics={"loss": 1.0 / server_round},
                superseded=server_round == 101,
                unix_s=0.0,
            )
        )
    for server_round in (100, 101):
        desk.add(
            RoundRow(
                problem_id=pid,
                generation=0,
                server_round=server_round,
                attempt=1,
                completed=True,
                superseded=server_round == 101,
                ended_unix_s=0.0,
            )
        )
    with desk.database.session() as session, session.begin():
        row = session.get(ProblemRow, pid)
        assert row is not None
        row.completed_round = 100
        session.add(row)
    return pid


def test_superseded_rounds_are_listed_when_they_are_asked_for(
    desk: WebDesk, setter: Actor, problem: str
) -> None:
    counting = desk.problems.rounds(setter, problem)
    assert [one.server_round for one in counting] == [100]
    everything = desk.problems.rounds(setter, problem, superseded=True)
    assert [(one.server_round, one.superseded) for one in everything] == [(100, False), (101, True)]


def test_scores_of_a_stretch_of_rounds(desk: WebDesk, setter: Actor, problem: str) -> None:
    found = desk.problems.evaluations(setter, problem, first=40, last=42)
    assert [one.server_round for one in found] == [40, 41, 42]


@pytest.mark.parametrize(("most", "count"), [(None, 101), (500, 101), (100, 101), (10, 13)])
def test_scores_for_a_picture_begin_with_the_first_and_end_with_the_newest_two(
    desk: WebDesk, setter: Actor, problem: str, most: int | None, count: int
) -> None:
    found = [one.server_round for one in desk.problems.evaluations(setter, problem, most=most)]
    assert len(found) == count
    assert {99, 100, 101} <= set(found)
    if count < 101:
        assert found[:3] == [1, 11, 21]
