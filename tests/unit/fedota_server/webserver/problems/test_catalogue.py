"""Lists of problems: what is in them, and how many questions they cost the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import event
from support.web_desk import DATA, ROUNDS, WebDesk

from fedota_server.webserver.permissions import Actor, Role
from fedota_server.webserver.tables import MembershipRow, ProblemRow


def add_problem(desk: WebDesk, owner: Actor, number: int, status: str = "running") -> str:
    problem_id = f"{number:012x}"
    desk.add(
        ProblemRow(
            id=problem_id,
            owner_id=owner.user_id,
            title=f"Problem {number}",
            description=f"# About\nNumber **{number}** [see](https://example.org)",
            status=status,
            draft={"data": DATA, "rounds": ROUNDS, "strategy": {"name": "FedAvg"}},
            rounds=5,
            completed_round=2,
            created_unix_s=float(number),
            updated_unix_s=float(number),
            published_unix_s=float(number),
        )
    )
    return problem_id


@contextmanager
def counted(desk: WebDesk) -> Iterator[list[str]]:
    statements: list[str] = []

    def note(connection: object, cursor: object, statement: str, *rest: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")):
            statements.append(statement)

    engine = desk.database._engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def titles(found: object) -> list[str]:
    return [card.title for card in found.items]  # type: ignore[attr-defined]


def test_a_page_is_two_questions_however_many_problems_it_shows(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    for number in range(30):
        add_problem(desk, setter, number)

    with counted(desk) as statements:
        page = desk.problems.catalogue(holder)

    assert len(statements) == 2
    assert (len(page.items), page.total, page.has_more) == (24, 30, True)
    assert page.items[0].title == "Problem 29"
    last = desk.problems.catalogue(holder, offset=24)
    assert (len(last.items), last.total, last.has_more) == (6, 30, False)
    assert desk.problems.catalogue(holder, offset=60).total == 30


def test_a_card_says_what_a_holder_looks_for(desk: WebDesk, setter: Actor, holder: Actor) -> None:
    problem = add_problem(desk, setter, 7)
    member = desk.member("Mia", problem)
    desk.set_status(problem, "waiting for data holders")

    (card,) = desk.problems.catalogue(member).items

    assert (card.kind, card.needs) == ("table", "4 columns, to predict relapse")
    assert (card.minimum_examples, card.strategy, card.goal_count) == (10, "FedAvg", 3)
    assert (card.rounds, card.completed_round, card.members) == (5, 2, 0)
    assert card.summary == "About Number 7 see"
    assert (card.owner, card.membership, card.requests) == ("Sara", "requested", 0)
    desk.memberships.decide(setter, problem, member.user_id, True)
    (card,) = desk.problems.catalogue(member).items
    assert (card.membership, card.members) == ("approved", 1)
    assert desk.problems.catalogue(holder).items[0].membership == ""


def test_drafts_are_nobody_elses_and_archived_problems_are_off_the_list(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    for number, status in enumerate(("draft", "ready", "archived", "completed")):
        add_problem(desk, setter, number, status)
    other = desk.person("Sven", Role.SETTER)
    admin = desk.person("Ada", Role.ADMIN)

    assert titles(desk.problems.catalogue(holder)) == ["Problem 3", "Problem 1"]
    assert titles(desk.problems.catalogue(setter)) == ["Problem 3", "Problem 1"]
    assert titles(desk.problems.own(other)) == []
    assert len(desk.problems.own(setter).items) == 4
    assert len(desk.problems.all(admin).items) == 4


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("problem 1", ["Problem 11", "Problem 10", "Problem 1"]),
        ("number **3**", ["Problem 3"]),
        ("sara", [f"Problem {number}" for number in range(11, -1, -1)]),
        ("100%", []),
        ("_", []),
        ("' OR 1=1 --", []),
    ],
)
def test_searching_takes_words_as_they_are(
    desk: WebDesk, setter: Actor, search: str, found: list[str]
) -> None:
    for number in range(12):
        add_problem(desk, setter, number)

    assert titles(desk.problems.catalogue(setter, search=search)) == found


def test_lists_are_narrowed_by_status_and_to_ones_own(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    running = add_problem(desk, setter, 1)
    add_problem(desk, setter, 2, "completed")
    desk.add(
        MembershipRow(
            problem_id=running, user_id=holder.user_id, state="approved", requested_unix_s=0.0
        )
    )

    assert titles(desk.problems.catalogue(holder, status="completed")) == ["Problem 2"]
    assert titles(desk.problems.catalogue(holder, mine=True)) == ["Problem 1"]
    assert titles(desk.problems.catalogue(setter, mine=True)) == []


def test_who_decides_sees_how_many_ask(desk: WebDesk, setter: Actor) -> None:
    problem = add_problem(desk, setter, 1)
    desk.member("Mia", problem)

    (card,) = desk.problems.own(setter).items
    assert card.requests == 1
    (request,) = desk.memberships.requests(setter)
    assert (request.name, request.email, request.state) == ("Mia", "mia@example.org", "requested")
    assert desk.memberships.requests(desk.person("Sven", Role.SETTER)) == []
    assert len(desk.memberships.requests(desk.person("Ada", Role.ADMIN))) == 1
