"""A selection admits exactly whom the rules of the design admit, and when."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from fedota_server.coordinator.selection import Abandon, Admit, Selection, SelectionRules, Wait

NODES = st.integers(1, 30)
TIMES = st.floats(0.0, 100.0)


@st.composite
def rule_sets(draw: st.DrawFn) -> SelectionRules:
    minimum = draw(st.integers(2, 6))
    goal = draw(st.integers(minimum, 8))
    return SelectionRules(
        goal_count=goal,
        admitted_max=draw(st.integers(goal, 12)),
        minimum_reports=minimum,
        timeout_s=draw(st.floats(1.0, 50.0)),
        settle_s=draw(st.floats(0.0, 5.0)),
    )


def selection(
    rules: SelectionRules,
    waiting: dict[int, float] | None = None,
    last_admitted: dict[int, int] | None = None,
    *,
    now: float = 0.0,
    seed: int = 0,
) -> Selection:
    return Selection(
        rules,
        waiting=waiting or {},
        last_admitted=last_admitted or {},
        now=now,
        rng=random.Random(seed),  # noqa: S311 (breaks ties)
    )


RULES = SelectionRules(
    goal_count=3, admitted_max=4, minimum_reports=2, timeout_s=60.0, settle_s=1.0
)


def test_it_ends_at_once_when_goal_times_over_selection_wait() -> None:
    decision = selection(RULES, dict.fromkeys([1, 2, 3, 4, 5], 0.0)).decide(0.0)
    assert isinstance(decision, Admit)
    assert len(decision.nodes) == 4


def test_with_the_goal_waiting_it_ends_when_nobody_has_come_for_settle_s() -> None:
    selecting = selection(RULES, {1: -10.0, 2: -10.0})
    selecting.arrive(3, 5.0)
    assert selecting.decide(5.0) == Wait(6.0)
    assert selecting.decide(5.999) == Wait(6.0)
    decision = selecting.decide(6.0)
    assert isinstance(decision, Admit)
    assert sorted(decision.nodes) == [1, 2, 3]


def test_clients_of_the_round_before_have_not_come_anew() -> None:
    assert isinstance(selection(RULES, dict.fromkeys([1, 2, 3], -1.0)).decide(0.0), Admit)


def test_at_the_timeout_the_minimum_is_enough() -> None:
    selecting = selection(RULES, {1: 0.0, 2: 0.0})
    assert selecting.decide(59.9) == Wait(60.0)
    assert isinstance(selecting.decide(60.0), Admit)


def test_below_the_minimum_it_is_abandoned_at_the_timeout() -> None:
    selecting = selection(RULES, {1: 0.0})
    assert selecting.decide(59.9) == Wait(60.0)
    assert selecting.decide(60.0) == Abandon(1)


def test_who_leaves_is_not_admitted() -> None:
    selecting = selection(RULES, dict.fromkeys([1, 2, 3, 4], 0.0))
    selecting.leave(4)
    selecting.leave(3)
    assert selecting.waiting == 2
    assert selecting.decide(0.0) == Wait(60.0)


def test_the_least_recently_admitted_go_first() -> None:
    decision = selection(
        RULES, dict.fromkeys([1, 2, 3, 4, 5, 6], 0.0), {1: 9, 2: 8, 3: 7, 4: 7, 5: 6}
    ).decide(0.0)
    assert isinstance(decision, Admit)
    assert decision.nodes[:2] == (6, 5)
    assert sorted(decision.nodes[2:]) == [3, 4]


def test_chance_decides_among_equals() -> None:
    waiting = dict.fromkeys(range(1, 9), 0.0)
    firsts: set[int] = set()
    for seed in range(40):
        decision = selection(RULES, waiting, seed=seed).decide(0.0)
        assert isinstance(decision, Admit)
        firsts.update(decision.nodes)
    assert firsts == set(waiting)


@given(
    rule_sets(),
    st.dictionaries(NODES, st.floats(-50.0, 0.0)),
    st.dictionaries(NODES, st.integers(0, 5)),
    st.lists(st.tuples(st.booleans(), NODES, st.floats(0.0, 8.0)), max_size=20),
    st.integers(0, 3),
)
def test_every_decision_keeps_the_rules(
    rules: SelectionRules,
    waiting: dict[int, float],
    last_admitted: dict[int, int],
    changes: list[tuple[bool, int, float]],
    seed: int,
) -> None:
    now, newest = 0.0, max(waiting.values(), default=0.0)
    selecting = selection(rules, waiting, last_admitted, seed=seed)
    present = set(waiting)
    for comes, node, later in changes:
        now += later
        if comes:
            newest = now if node not in present else newest
            present.add(node)
            selecting.arrive(node, now)
        else:
            present.discard(node)
            selecting.leave(node)
        decision = selecting.decide(now)
        count, timed_out = len(present), now >= rules.timeout_s
        settled = count >= rules.goal_count and now >= newest + rules.settle_s
        full = count >= rules.admitted_max
        if isinstance(decision, Admit):
            admitted = decision.nodes
            assert len(set(admitted)) == len(admitted)
            assert len(admitted) <= rules.admitted_max
            assert set(admitted) <= present
            assert len(admitted) >= rules.minimum_reports
            assert len(admitted) == min(count, rules.admitted_max)
            assert full or settled or timed_out
            left_out = present.difference(admitted)
            ranks = [last_admitted.get(node, -1) for node in admitted]
            assert ranks == sorted(ranks)
            assert all(last_admitted.get(node, -1) >= max(ranks) for node in left_out)
        elif isinstance(decision, Abandon):
            assert timed_out
            assert count < rules.minimum_reports
            assert decision.waiting == count
        else:
            assert not full
            assert not settled
            assert not timed_out
            assert now < decision.until
            assert decision.until <= rules.timeout_s


@given(rule_sets(), st.dictionaries(NODES, TIMES))
def test_waiting_until_the_time_it_names_changes_the_answer(
    rules: SelectionRules, waiting: dict[int, float]
) -> None:
    selecting = selection(rules, waiting)
    decision = selecting.decide(0.0)
    for _ in range(3):
        if not isinstance(decision, Wait):
            break
        decision = selecting.decide(decision.until)
    assert not isinstance(decision, Wait)
