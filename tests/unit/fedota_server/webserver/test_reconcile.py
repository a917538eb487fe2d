"""What is wanted and what is seen give instructions; no clock, no processes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_server.webserver.reconcile import (
    AWAY_MAX_S,
    QUICK_FAILURES_MAX,
    Adopt,
    GiveUp,
    Instruction,
    Phase,
    Reconciler,
    Start,
    Stop,
)

ALL = ("coordinator", "selector-1")


def running(*names: str) -> Reconciler:
    made = Reconciler()
    made.want(names)
    made.next(0)
    for name in names:
        made.came(name, "127.0.0.1:7", 0)
    return made


def test_what_is_wanted_is_adopted_if_it_runs_and_else_started() -> None:
    made = Reconciler()
    made.want(ALL)
    assert made.next(0) == [Adopt("coordinator"), Adopt("selector-1")]
    assert made.next(0) == []
    made.came("coordinator", "127.0.0.1:7", 0, adopted=True)
    made.absent("selector-1", 0)
    assert made.next(0) == [Start("selector-1")]
    made.came("selector-1", "127.0.0.1:8", 1)
    assert made.next(1) == []
    assert made.servers["coordinator"].detail == "taken over"
    assert [made.servers[name].starts for name in ALL] == [0, 1]


def test_what_an_earlier_webserver_left_is_stopped_if_it_is_not_wanted() -> None:
    made = Reconciler()
    made.know(["selector-2"])
    made.want([])
    assert made.next(0) == [Stop("selector-2")]
    assert not made.idle
    made.absent("selector-2", 1)
    assert made.next(1) == []
    assert made.idle


def test_selectors_are_added_and_taken_away() -> None:
    made = running("coordinator", "selector-1")
    made.want(("coordinator", "selector-1", "selector-2"))
    assert made.next(1) == [Adopt("selector-2")]
    made.absent("selector-2", 1)
    assert made.next(1) == [Start("selector-2")]
    made.want(("coordinator", "selector-1"))
    assert made.next(2) == [], "a start under way is waited for"
    made.came("selector-2", "127.0.0.1:9", 3)
    assert made.next(3) == [Stop("selector-2")]


def test_a_server_that_ends_is_started_again_after_growing_pauses() -> None:
    made = running("coordinator")
    now, pauses = 100.0, []
    for _ in range(3):
        made.ended("coordinator", "exit code 1", now)
        assert made.next(now) == []
        until = made.look_again_at()
        assert until is not None
        pauses.append(round(until - now, 3))
        assert made.next(until) == [Start("coordinator")]
        made.came("coordinator", "127.0.0.1:7", until)
        now = until + 1
    assert pauses == [0.2, 0.4, 0.8], "the first had lasted, so counting began with it"
    made.ended("coordinator", "exit code -9", now + 3600)
    assert made.look_again_at() == now + 3600 + 0.2


def fail_until_given_up(made: Reconciler, name: str) -> tuple[GiveUp, int]:
    now, tries = 0.0, 0
    while True:
        for instruction in made.next(now):
            if isinstance(instruction, GiveUp):
                return instruction, tries
            if isinstance(instruction, Start):
                tries += 1
                made.failed(name, "Port 7 is taken.", now)
            if isinstance(instruction, Adopt):
                made.absent(name, now)
        now = made.look_again_at() or now
        assert now < 120, "it should have been given up by now"


def test_after_so_many_failures_it_is_given_up_with_the_last_reason() -> None:
    made = Reconciler()
    made.want(["coordinator"])
    gave_up, tries = fail_until_given_up(made, "coordinator")
    assert tries == QUICK_FAILURES_MAX
    assert gave_up.reason == made.given_up
    assert "Port 7 is taken." in gave_up.reason
    assert made.servers["coordinator"].phase is Phase.GIVEN_UP
    assert made.next(1e6) == []
    assert made.idle


def test_giving_up_stops_the_others_too() -> None:
    made = running(*ALL)
    now = 1.0
    made.ended("selector-1", "exit code 1", now)
    for _ in range(QUICK_FAILURES_MAX - 1):
        now = made.look_again_at() or 0.0
        assert made.next(now) == [Start("selector-1")]
        made.failed("selector-1", "no", now)
    told = made.next(now)
    assert isinstance(told[0], GiveUp)
    assert told[1:] == [Stop("coordinator")]


def test_whoever_is_forgiven_is_tried_at_once() -> None:
    made = Reconciler()
    made.want(["coordinator"])
    fail_until_given_up(made, "coordinator")
    made.forgive()
    assert made.given_up == ""
    assert made.next(0) == [Start("coordinator")]
    assert fail_until_given_up_again(made)


def fail_until_given_up_again(made: Reconciler) -> bool:
    made.failed("coordinator", "no", 0)
    _, tries = fail_until_given_up(made, "coordinator")
    return tries == QUICK_FAILURES_MAX - 1


def test_an_end_that_was_asked_for_is_no_failure() -> None:
    made = running("coordinator")
    made.want([])
    assert made.next(1) == [Stop("coordinator")]
    made.ended("coordinator", "exit code 0", 1)
    made.absent("coordinator", 1)
    assert made.servers["coordinator"].failures == 0
    made.want(["coordinator"])
    assert made.next(2) == [Start("coordinator")]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_whatever_happens_instructions_fit_what_is_there(data: st.DataObject) -> None:
    """A world of processes: never started twice, and in the end exactly what is wanted runs."""
    made, now = Reconciler(quick_failures_max=10_000), 0.0
    runs: set[str] = set(data.draw(st.sets(st.sampled_from(ALL))))
    made.know(runs)
    under_way: dict[str, Instruction] = {}

    def carry(name: str, *, well: bool) -> None:
        match under_way.pop(name):
            case Adopt() if name in runs:
                made.came(name, "a", now, adopted=True)
            case Start() if well:
                assert name not in runs, "started twice"
                runs.add(name)
                made.came(name, "a", now)
            case Start():
                made.failed(name, "no", now)
            case Stop() | Adopt():
                runs.discard(name)
                made.absent(name, now)

    def instruct() -> None:
        for instruction in made.next(now):
            assert instruction.name not in under_way, "two at a time"
            under_way[instruction.name] = instruction

    steps = st.sampled_from(["want", "carry", "fail", "die", "wait"])
    for step in data.draw(st.lists(steps, max_size=40)):
        if step == "want":
            made.want(data.draw(st.sets(st.sampled_from(ALL))))
        elif step in ("carry", "fail") and under_way:
            carry(data.draw(st.sampled_from(sorted(under_way))), well=step == "carry")
        elif step == "die" and (free := sorted(runs - set(under_way))):
            name = data.draw(st.sampled_from(free))
            runs.discard(name)
            made.ended(name, "it died", now)
        else:
            now += 1
        instruct()
    wanted = data.draw(st.sets(st.sampled_from(ALL)))
    made.want(wanted)
    for _ in range(8):
        now += 60
        instruct()
        for name in sorted(under_way):
            carry(name, well=True)
    assert runs == wanted


def test_an_engine_that_is_away_is_no_failure_and_what_it_runs_is_looked_at_again() -> None:
    made = Reconciler()
    made.want(ALL)
    made.next(0)
    now = 0.0
    for _ in range(3 * QUICK_FAILURES_MAX):
        for name in ALL:
            made.away(name, "No engine answers.", now)
        assert made.next(now) == []
        now = made.look_again_at() or now
        if now >= AWAY_MAX_S - 31:
            break
        assert all(isinstance(told, Adopt) for told in made.next(now))
    assert made.given_up == ""
    assert {made.servers[name].detail for name in ALL} == {"No engine answers."}
    made.next(now)
    made.came("coordinator", "coordinator:7", now, adopted=True)
    made.absent("selector-1", now)
    assert made.next(now) == [Start("selector-1")]


def test_an_engine_that_stays_away_is_given_up_with_its_own_words() -> None:
    made = running("coordinator")
    made.ended("coordinator", "it ended", 30)
    now = made.look_again_at() or 0.0
    assert made.next(now) == [Start("coordinator")]
    made.away("coordinator", "No engine answers.", now)
    again = made.look_again_at() or 0.0
    assert made.next(again) == [Adopt("coordinator")]
    made.away("coordinator", "No engine answers.", now + AWAY_MAX_S)
    assert made.next(now + AWAY_MAX_S) == [GiveUp("coordinator", "No engine answers.")]


def test_a_server_that_nobody_can_see_is_stopped_once_it_is_not_wanted() -> None:
    made = Reconciler()
    made.want(["coordinator"])
    made.next(0)
    made.away("coordinator", "No engine answers.", 0)
    made.want([])
    assert made.next(0) == [Stop("coordinator")]
    made.absent("coordinator", 1)
    assert made.idle
