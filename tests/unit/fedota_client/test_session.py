"""The client's state machine, by itself and by every order of events."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fedota_client import instructions as do
from fedota_client.session import AckStatus, RoundTuple, Session, is_evaluation

KEPT_MOST = 3
TASKS = st.integers(1, 6)


class SessionMachine(RuleBasedStateMachine):
    """Carries out what the session says, as the run does, and checks it against the rules."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(kept_most=KEPT_MOST)
        self.connected = False
        self.working: int | None = None
        self.kept: set[int] = set()
        self.sending: set[int] = set()
        self.failures: set[int] = set()
        self.expected_gone: set[int] = set()
        self.left = False

    def carry(self, instructions: list[do.Instruction]) -> None:
        for one in instructions:
            match one:
                case do.Work(task_id):
                    assert self.working is None, "two tasks are worked on at a time"
                    self.working = task_id
                case do.StopWork(task_id):
                    assert self.working == task_id
                    self.working = None
                case do.Keep(task_id):
                    assert task_id not in self.kept
                    self.kept.add(task_id)
                case do.Send(task_id):
                    assert self.connected, "sent without a connection"
                    assert task_id in self.kept, "sent before it was kept"
                    assert task_id not in self.sending, "sent twice at a time"
                    self.sending.add(task_id)
                case do.AbortSend(task_id):
                    self.sending.remove(task_id)
                case do.Forget(task_id):
                    assert task_id not in self.sending, "forgotten while it is sent"
                    self.kept.remove(task_id)
                    full = len(self.kept) >= KEPT_MOST
                    assert task_id in self.expected_gone or full, "forgotten without an outcome"
                case do.Leave():
                    self.left = True

    @rule(task_id=TASKS, kind=st.sampled_from(["train", "evaluate"]))
    def task_comes(self, task_id: int, kind: str) -> None:
        if self.session.phase(task_id) is None:
            self.expected_gone.discard(task_id)
        self.carry(self.session.task_came(task_id, kind, (1, task_id, 1)))

    @precondition(lambda self: self.working is not None)
    @rule(failure=st.booleans())
    def work_ends(self, failure: bool) -> None:
        task_id = self.working
        assert task_id is not None
        self.working = None
        if failure:
            self.failures.add(task_id)
        else:
            self.failures.discard(task_id)
        self.carry(self.session.update_ready(task_id, failure=failure))

    @rule(ids=st.lists(TASKS, max_size=3))
    def cancelled(self, ids: list[int]) -> None:
        self.carry(self.session.tasks_cancelled(ids))

    @precondition(lambda self: not self.connected)
    @rule(reported=st.sets(TASKS))
    def connects(self, reported: set[int]) -> None:
        self.connected = True
        ready = {task_id for task_id, is_ready in self.session.open_tasks() if is_ready}
        reported &= ready
        self.carry(self.session.stream_opened(reported))
        assert ready - reported <= self.sending, "what became ready meanwhile is not sent"

    @precondition(lambda self: self.connected)
    @rule()
    def loses_its_stream(self) -> None:
        self.connected = False
        self.carry(self.session.stream_lost())
        assert not self.sending

    @precondition(lambda self: self.connected)
    @rule(task_id=TASKS)
    def is_asked_again(self, task_id: int) -> None:
        self.carry(self.session.resend_asked(task_id))
        assert task_id not in self.kept or task_id in self.sending

    @precondition(lambda self: self.sending)
    @rule(data=st.data(), status=st.sampled_from(AckStatus), unknown=st.booleans())
    def send_ends(self, data: st.DataObject, status: AckStatus, unknown: bool) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.sending)))
        self.sending.remove(task_id)
        code = "unknown-task" if unknown else "not-finite"
        refused = status is AckStatus.REJECTED and unknown
        if task_id in self.failures or refused:
            self.expected_gone.add(task_id)
        self.carry(self.session.send_ended(task_id, status, code))
        assert (self.session.phase(task_id) is None) == (task_id in self.expected_gone)

    @precondition(lambda self: self.sending)
    @rule(data=st.data())
    def send_breaks(self, data: st.DataObject) -> None:
        task_id = data.draw(st.sampled_from(sorted(self.sending)))
        self.sending.remove(task_id)
        self.carry(self.session.send_failed(task_id))
        assert task_id in self.sending, "a send that broke is not repeated"

    @rule(task_id=TASKS, counted=st.booleans())
    def outcome(self, task_id: int, counted: bool) -> None:
        self.expected_gone.add(task_id)
        self.carry(
            self.session.outcome_heard(
                task_id, counted=counted, message_type="train", key=(1, task_id, 1)
            )
        )
        assert self.session.phase(task_id) is None
        assert task_id not in self.kept

    @invariant()
    def something_is_worked_on_if_anything_waits(self) -> None:
        waiting = [t for t, ready in self.session.open_tasks() if not ready]
        assert not waiting or self.working is not None or self.left

    @invariant()
    def what_is_ready_is_kept(self) -> None:
        ready = {t for t, is_ready in self.session.open_tasks() if is_ready}
        assert ready == self.kept
        assert len(self.kept) <= KEPT_MOST


SessionMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestEveryOrderOfEvents = SessionMachine.TestCase

ROUND: RoundTuple = (1, 4, 1)


def trained(session: Session, task_id: int = 1, key: RoundTuple = ROUND) -> list[do.Instruction]:
    session.task_came(task_id, "train", key)
    session.update_ready(task_id)
    session.send_ended(task_id, AckStatus.HELD)
    return session.outcome_heard(task_id, counted=True, message_type="train", key=key)


def test_a_task_is_worked_on_kept_and_sent() -> None:
    session = Session()
    session.stream_opened()
    assert session.task_came(1) == [do.Work(1)]
    assert session.task_came(2) == []
    assert session.update_ready(1) == [do.Keep(1), do.Send(1), do.Work(2)]
    assert session.open_tasks() == [(2, False), (1, True)]


def test_the_same_task_again_is_not_worked_on_again() -> None:
    session = Session()
    session.stream_opened()
    session.task_came(1)
    assert session.task_came(1) == []
    session.update_ready(1)
    assert session.task_came(1) == []
    session.send_ended(1, AckStatus.HELD)
    assert session.task_came(1) == [do.Send(1)]


def test_what_an_earlier_process_kept_is_sent_where_it_is_lacking() -> None:
    session = Session(kept=[5, 3])
    assert session.open_tasks() == [(5, True), (3, True)]
    assert session.stream_opened([5, 3]) == []
    assert session.resend_asked(3) == [do.Send(3)]
    assert session.resend_asked(3) == []


def test_what_is_ready_without_a_connection_goes_out_with_the_next() -> None:
    session = Session()
    session.stream_opened()
    session.task_came(1)
    session.stream_lost()
    assert session.update_ready(1) == [do.Keep(1)]
    assert session.stream_opened() == [do.Send(1)]


def test_a_broken_send_is_repeated_with_growing_pauses() -> None:
    session = Session(kept=[1])
    session.stream_opened()
    assert session.send_failed(1) == [do.Send(1, attempt=1)]
    assert session.send_failed(1) == [do.Send(1, attempt=2)]
    assert session.stream_lost() == [do.AbortSend(1)]
    assert session.send_failed(1) == []
    assert session.stream_opened() == [do.Send(1)]


def test_a_failure_is_forgotten_once_it_is_told() -> None:
    session = Session()
    session.stream_opened()
    session.task_came(1)
    session.update_ready(1, failure=True)
    assert session.send_ended(1, AckStatus.HELD) == [do.Forget(1)]


def test_a_rejected_update_waits_for_its_outcome_unless_nobody_knows_it() -> None:
    session = Session(kept=[1, 2])
    session.stream_opened()
    assert session.send_ended(1, AckStatus.REJECTED, "not-finite") == []
    assert session.send_ended(2, AckStatus.REJECTED, "unknown-task") == [do.Forget(2)]
    assert session.open_tasks() == [(1, True)]


def test_a_cancelled_task_makes_room_for_the_next() -> None:
    session = Session()
    session.stream_opened()
    session.task_came(1)
    session.task_came(2)
    assert session.tasks_cancelled([1]) == [do.StopWork(1), do.Work(2)]
    assert session.update_ready(1) == []


def test_an_outcome_ends_the_work_on_its_task() -> None:
    session = Session()
    session.task_came(1)
    key = (1, 1, 1)
    assert session.outcome_heard(1, counted=False, message_type="train", key=key) == [
        do.StopWork(1)
    ]


def test_an_update_that_cannot_be_read_any_more_is_given_up() -> None:
    session = Session(kept=[1])
    session.stream_opened()
    assert session.update_lost(1) == [do.Forget(1)]
    assert session.update_lost(1) == []


def test_the_oldest_update_makes_room() -> None:
    session = Session(kept=[1, 2], kept_most=2)
    session.task_came(3)
    assert session.update_ready(3) == [do.Keep(3), do.Forget(1)]


def test_it_stays_without_a_limit() -> None:
    session = Session()
    assert trained(session) == [do.Forget(1)]
    assert session.rounds_left == 0
    assert session.rounds_counted == 1


def test_it_leaves_after_its_rounds_once_the_last_is_evaluated() -> None:
    session = Session(rounds_wanted=2)
    session.stream_opened()
    trained(session, 1, (1, 1, 1))
    assert session.rounds_left == 1
    assert trained(session, 2, (1, 2, 1)) == [do.Forget(2), do.AwaitEvaluation()]
    session.task_came(3, "evaluate", (1, 2, 1))
    assert session.evaluation_overdue() == [do.AwaitEvaluation()]
    session.update_ready(3)
    session.send_ended(3, AckStatus.HELD)
    done = session.outcome_heard(3, counted=True, message_type="evaluate", key=(1, 2, 1))
    assert done == [do.Forget(3), do.Leave("counted in 2 rounds, as asked")]
    assert session.task_came(4) == []


@pytest.mark.parametrize("stage", ["selection", "waiting", "paused"])
def test_it_leaves_when_the_next_round_is_near(stage: str) -> None:
    session = Session(rounds_wanted=1)
    session.stream_opened()
    trained(session)
    assert session.stage_seen("evaluation", ROUND) == []
    assert session.stage_seen(stage, ROUND) == [do.Leave("counted in 1 round, as asked")]


def test_it_leaves_rather_than_train_one_round_more() -> None:
    session = Session(rounds_wanted=1)
    session.stream_opened()
    trained(session)
    assert session.task_came(2, "train", (1, 5, 1)) == [do.Leave("counted in 1 round, as asked")]


def test_it_leaves_when_no_evaluation_comes_or_is_wanted() -> None:
    session = Session(rounds_wanted=1)
    session.stream_opened()
    trained(session)
    assert session.evaluation_overdue() == [do.Leave("counted in 1 round, as asked")]
    session = Session(rounds_wanted=1, evaluates=False)
    session.stream_opened()
    assert trained(session)[-1] == do.Leave("counted in 1 round, as asked")


def test_a_round_counts_once() -> None:
    session = Session(rounds_wanted=2)
    session.stream_opened()
    trained(session, 1)
    session.outcome_heard(1, counted=True, message_type="train", key=ROUND)
    assert session.rounds_counted == 1
    session.outcome_heard(2, counted=True, message_type="evaluate", key=(1, 9, 1))
    assert session.rounds_counted == 1


def test_a_finished_problem_ends_it() -> None:
    session = Session()
    assert session.problem_finished("done") == [do.Leave("done")]
    assert session.problem_finished("done") == []


def test_evaluation_has_one_name_with_or_without_an_action() -> None:
    assert is_evaluation("evaluate")
    assert is_evaluation("evaluate.fast")
    assert not is_evaluation("train.evaluate")
