"""The task table in any order of events."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.tasks import (
    ENDED_MOST,
    Answer,
    Exchange,
    RoundName,
    Task,
    TaskState,
    TaskTable,
    expected_arrays,
)

SESSION = b"s" * 16


def task(task_id: int, node_id: int, server_round: int = 1, **changed: Any) -> Task:
    fields: dict[str, Any] = {
        "task_id": task_id,
        "node_id": node_id,
        "session_id": SESSION,
        "exchange": Exchange(RoundName(1, server_round, 1), "train"),
        "deadline": 100.0,
        "mean": True,
        "checked": True,
    }
    return Task(**{**fields, **changed})


def outcome(task_id: int, kind: Any, server_round: int = 1) -> pb.Outcome:
    return pb.Outcome(task_id=task_id, kind=kind, round=RoundName(1, server_round, 1).to_key())


def received(table: TaskTable, task_id: int, node_id: int, **changed: Any) -> Answer:
    fields: dict[str, Any] = {"session_id": SESSION, "now": 0.0}
    answer = table.receive(task_id, node_id, **{**fields, **changed})
    assert isinstance(answer, Answer)
    return answer


def test_an_open_task_is_taken_from_its_own_client_in_time() -> None:
    table = TaskTable()
    own = table.add(task(1, 7))
    assert table.receive(1, 7, SESSION, 99.0) is own
    assert received(table, 1, 8).code == "not-yours"
    assert received(table, 1, 7, session_id=b"t" * 16).code == "not-yours"
    late = received(table, 1, 7, now=101.0)
    assert (late.status, late.code) == (pb.Ack.OVER, "late")
    assert received(table, 2, 7).unknown


def test_the_answers_of_each_state() -> None:
    table = TaskTable()
    held, rejected, cancelled = (table.add(task(n, n)) for n in (1, 2, 3))
    table.hold(held, intra.Held(task_id=1))
    table.reject(rejected, "not-finite", "NaN.")
    assert table.cancel([1, 2, 3, 99], "Enough.") == [cancelled]
    assert received(table, 1, 1).status == pb.Ack.ALREADY_HELD
    assert received(table, 2, 2) == Answer(pb.Ack.REJECTED, "not-finite", "NaN.")
    assert received(table, 3, 3) == Answer(pb.Ack.OVER, "cancelled", "Enough.")


def test_settled_tasks_are_remembered_for_their_client_alone() -> None:
    table = TaskTable()
    for number in (1, 2):
        table.add(task(number, number))
    counted, late = outcome(1, pb.COUNTED), outcome(2, pb.LATE)
    table.settle(1, counted)
    table.settle(2, late)
    assert received(table, 1, 1) == Answer(pb.Ack.ALREADY_HELD, outcome=counted)
    assert received(table, 2, 1).code == "not-yours"
    answer = received(table, 2, 2)
    assert (answer.status, answer.code, answer.outcome) == (pb.Ack.OVER, "late", late)
    table.add(task(3, 2, server_round=2))
    answer = received(table, 2, 2)
    assert (answer.status, answer.code) == (pb.Ack.REJECTED, "wrong-round")
    table.clear()
    assert received(table, 2, 2).unknown


def test_what_another_selector_holds_is_told_to_its_client_alone() -> None:
    table = TaskTable()
    table.note_held_elsewhere(1, 7)
    assert received(table, 1, 7).status == pb.Ack.ALREADY_HELD
    assert received(table, 1, 8).unknown
    taken_over = table.add(task(1, 7))
    assert table.receive(1, 7, SESSION, 0.0) is taken_over
    table.settle(7, outcome(1, pb.ROUND_ABANDONED))
    assert received(table, 1, 7).status == pb.Ack.OVER
    table.note_held_elsewhere(2, 7)
    table.clear()
    assert received(table, 2, 7).unknown


def test_what_is_remembered_is_bounded() -> None:
    table = TaskTable()
    for number in range(ENDED_MOST + 1):
        table.settle(1, outcome(number, pb.LATE))
    assert received(table, 0, 1).unknown
    assert not received(table, 1, 1).unknown


def test_a_newer_upload_supersedes_the_older() -> None:
    table = TaskTable()
    own = table.add(task(1, 7))
    first = table.begin_upload(own)
    assert table.takes(own, first)
    second = table.begin_upload(own)
    assert not table.takes(own, first)
    assert table.takes(own, second)
    table.drop(RoundName(1, 1, 1))
    assert not table.takes(own, second)


def test_a_task_added_again_keeps_its_state_and_takes_the_new_deadline() -> None:
    table = TaskTable()
    own = table.add(task(1, 7, session_id=b""))
    table.hold(own, intra.Held())
    assert table.add(task(1, 7, deadline=200.0)) is own
    assert (own.state, own.deadline, own.session_id) == (TaskState.HELD, 200.0, SESSION)


def test_a_missing_size_is_bounded_by_the_shape() -> None:
    spec = records_pb.ArraySpec(name="w", dtype="float32", shape=[3, 5])
    assert expected_arrays([spec])[0].size_bytes == 240
    spec.size_bytes = 188
    assert expected_arrays([spec])[0].size_bytes == 188


@given(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)))
def test_rounds_survive_the_wire_and_follow_each_other(numbers: tuple[int, int, int]) -> None:
    name = RoundName(*numbers)
    assert RoundName.of(name.to_key()) == name
    assert name < RoundName(numbers[0], numbers[1], numbers[2] + 1)
    assert name < RoundName(numbers[0] + 1, 0, 0)


class Tasks(RuleBasedStateMachine):
    """However events interleave, a task is held once at most, and only while it is open."""

    uploads = Bundle("uploads")

    @initialize()
    def begin(self) -> None:
        self.table = TaskTable()
        self.held: list[int] = []
        self.voided: set[int] = set()
        self.next_id = 1

    @rule(node_id=st.integers(1, 3), server_round=st.integers(1, 3))
    def hand_out(self, node_id: int, server_round: int) -> None:
        self.table.add(task(self.next_id, node_id, server_round))
        self.next_id += 1

    @rule(
        target=uploads,
        task_id=st.integers(1, 12),
        node_id=st.integers(1, 3),
        now=st.sampled_from([0.0, 101.0]),
    )
    def arrive(self, task_id: int, node_id: int, now: float) -> Any:
        known = self.table.get(task_id)
        decided = self.table.receive(task_id, node_id, SESSION, now)
        if isinstance(decided, Answer):
            assert known is None or (
                known.node_id != node_id or known.state is not TaskState.OPEN or now > 100.0
            )
            return multiple()
        assert decided is known
        assert decided.node_id == node_id
        return decided, self.table.begin_upload(decided)

    @rule(upload=consumes(uploads), good=st.booleans())
    def end_upload(self, upload: tuple[Task, int], good: bool) -> None:
        own, number = upload
        if not self.table.takes(own, number):
            return
        if good:
            assert own.task_id not in self.held
            self.table.hold(own, intra.Held(task_id=own.task_id))
            self.held.append(own.task_id)
        else:
            self.table.reject(own, "not-finite", "NaN.")

    @rule(task_ids=st.lists(st.integers(1, 12), max_size=3))
    def cancel(self, task_ids: list[int]) -> None:
        for ended in self.table.cancel(task_ids, "Enough."):
            assert ended.task_id not in self.held

    @rule(server_round=st.integers(1, 3))
    def close(self, server_round: int) -> None:
        for ended in self.table.close(Exchange(RoundName(1, server_round, 1), "train")):
            assert ended.state is TaskState.OVER

    @rule(task_id=st.integers(1, 12), node_id=st.integers(1, 3))
    def settle(self, task_id: int, node_id: int) -> None:
        before = self.table.get(task_id)
        settled = self.table.settle(node_id, outcome(task_id, pb.LATE))
        assert (settled is not None) == (before is not None and before.node_id == node_id)

    @rule(server_round=st.integers(1, 3))
    def drop(self, server_round: int) -> None:
        for dropped in self.table.drop(RoundName(1, server_round, 1)):
            assert self.table.get(dropped.task_id) is None

    @precondition(lambda self: self.next_id > 6)
    @rule()
    def clear(self) -> None:
        self.table.clear()
        assert not len(self.table)

    @invariant()
    def states_agree(self) -> None:
        for own in self.table:
            assert (own.state is TaskState.HELD) == (own.held is not None)
            assert (own.task_id in self.held) == (own.state is TaskState.HELD)


Tasks.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestTasks = Tasks.TestCase
