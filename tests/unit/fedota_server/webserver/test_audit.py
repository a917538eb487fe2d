"""The audit log."""

from __future__ import annotations

from typing import Any

import pytest
from support.accounts import SetClock

from fedota_proto.errors import ForbiddenError, SignInError
from fedota_server.webserver.accounts import Account
from fedota_server.webserver.audit import Audit, AuditEntry, record
from fedota_server.webserver.database import Database
from fedota_server.webserver.permissions import NOBODY, Actor, Role, machine_actor
from fedota_server.webserver.tables import ProblemRow

KIM = Actor(5, "Kim", frozenset({Role.SETTER}))


def write(database: Database, actor: Actor, action: str, now: float = 1.0, **said: str) -> None:
    with database.session() as session, session.begin():
        record(session, now, actor, action, **said)


def publish(database: Database, problem_id: str, owner: Account) -> None:
    with database.session() as session, session.begin():
        session.add(
            ProblemRow(id=problem_id, owner_id=owner.user_id, created_unix_s=0, updated_unix_s=0)
        )


def test_an_entry_says_who_did_what_when(database: Database, ada: Account) -> None:
    write(
        database, KIM, "publish a problem", 12.5, problem_id="0a", subject="Round 3", detail="why"
    )
    newest = Audit(database).entries(ada.actor)[0]
    assert newest == AuditEntry(
        entry_id=newest.entry_id,
        unix_s=12.5,
        actor_id=5,
        actor="Kim",
        action="publish a problem",
        problem_id="0a",
        subject="Round 3",
        detail="why",
    )


@pytest.mark.parametrize(
    ("actor", "name"),
    [(NOBODY, "nobody"), (machine_actor("root"), "root on this machine")],
)
def test_who_has_no_account_is_named_all_the_same(
    database: Database, ada: Account, actor: Actor, name: str
) -> None:
    write(database, actor, "register")
    newest = Audit(database).entries(ada.actor)[0]
    assert (newest.actor, newest.actor_id) == (name, None)


def test_long_words_are_cut_and_never_stop_a_change(database: Database, ada: Account) -> None:
    long = Actor(5, "K" * 500, frozenset())
    write(database, long, "a" * 500, subject="s" * 500, detail="d" * 5000)
    newest = Audit(database).entries(ada.actor)[0]
    lengths = [len(newest.actor), len(newest.action), len(newest.subject), len(newest.detail)]
    assert lengths == [80, 60, 200, 5000]


def test_an_entry_goes_with_its_change(database: Database, ada: Account) -> None:
    before = Audit(database).entries(ada.actor)
    with database.session() as session:
        session.begin()
        record(session, 1.0, KIM, "start a problem")
        session.flush()
        session.rollback()
    assert Audit(database).entries(ada.actor) == before


def test_it_is_read_newest_first_page_by_page(database: Database, ada: Account) -> None:
    for number in range(7):
        write(database, KIM, f"do {number}", float(number))
    audit = Audit(database)
    first = audit.entries(ada.actor, limit=3)
    second = audit.entries(ada.actor, before_id=first[-1].entry_id, limit=3)
    assert [entry.action for entry in (*first, *second)] == [f"do {n}" for n in (6, 5, 4, 3, 2, 1)]


def test_it_is_searched(database: Database, ada: Account) -> None:
    write(database, KIM, "Start a problem", problem_id="0a")
    write(database, ada.actor, "disable a user", subject="kim@example.org")
    write(database, ada.actor, "100% done_")
    audit = Audit(database)

    def found(**words: Any) -> list[str]:
        return [entry.action for entry in audit.entries(ada.actor, **words)]

    assert found(who="KIM") == ["disable a user", "Start a problem"]
    assert found(who="kim", action="start") == ["Start a problem"]
    assert found(problem_id="0a") == ["Start a problem"]
    assert found(action="%") == ["100% done_"]
    assert found(action="_") == ["100% done_"]
    assert found(who="\x00nobody at all") == []


def test_only_administrators_read_all_of_it(database: Database, bob: Account) -> None:
    audit = Audit(database)
    with pytest.raises(ForbiddenError, match="Bob may not see the audit log"):
        audit.entries(bob.actor)
    with pytest.raises(SignInError):
        audit.entries(NOBODY)
    assert audit.entries(machine_actor("root"))


def test_an_owner_reads_what_was_done_to_the_problem(
    database: Database, ada: Account, bob: Account
) -> None:
    publish(database, "0a", bob)
    publish(database, "0b", ada)
    write(database, ada.actor, "pause a problem", problem_id="0a")
    write(database, ada.actor, "pause a problem", problem_id="0b")
    audit = Audit(database)
    owner = Actor(bob.user_id, "Bob", frozenset({Role.SETTER}))
    assert [entry.problem_id for entry in audit.entries(owner, problem_id="0a")] == ["0a"]
    for unowned in ("0b", "0c"):
        with pytest.raises(ForbiddenError, match="may not see what was done to a problem"):
            audit.entries(owner, problem_id=unowned)
    with pytest.raises(ForbiddenError):
        audit.entries(bob.actor, problem_id="0a")
    assert [entry.problem_id for entry in audit.entries(ada.actor, problem_id="0a")] == ["0a"]


def test_accounts_write_with_the_platforms_clock(
    database: Database, clock: SetClock, ada: Account
) -> None:
    assert {entry.unix_s for entry in Audit(database).entries(ada.actor)} == {clock.now}
