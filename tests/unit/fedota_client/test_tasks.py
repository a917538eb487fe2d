"""Seeds of tasks, and when a task's progress is passed on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_client.failures import TaskFailedError
from fedota_client.worker.tasks import Progress, Task, task_seed

IDS = st.integers(0, 2**63 - 1)


class Watch:
    """A clock that goes on by itself at every look, and the client's side of a task."""

    def __init__(self, step_s: float) -> None:
        self.now_s = 0.0
        self.step_s = step_s
        self.cancelled = False
        self.sent: list[dict[str, Any]] = []

    def progress(self, epochs: int = 1) -> Progress:
        return Progress(lambda: self.cancelled, self.sent.append, epochs=epochs, clock=self.look)

    def look(self) -> float:
        self.now_s += self.step_s
        return self.now_s


def test_progress_is_passed_on_a_few_times_a_second() -> None:
    watch = Watch(step_s=0.0625)
    progress = watch.progress(epochs=2)

    for batch in range(1, 11):
        progress(1, batch, 10, batch / 10)

    assert [fields["batch"] for fields in watch.sent] == [4, 8]
    assert watch.sent[0] == {"epoch": 1, "epochs": 2, "batch": 4, "batches": 10, "loss": 0.4}


def test_a_cancelled_task_ends_at_its_next_batch() -> None:
    watch = Watch(step_s=0.0)
    progress = watch.progress()
    progress(1, 1, 2, 0.0)
    watch.cancelled = True

    with pytest.raises(TaskFailedError) as caught:
        progress(1, 2, 2, 0.0)

    assert caught.value.code == "cancelled"


def test_a_seed_is_the_same_on_every_machine() -> None:
    assert task_seed(0, 1, 42) == 5234389881104378648


@given(st.tuples(st.integers(0, 2**31), st.integers(1, 10**6), IDS), st.data())
def test_seeds_differ_between_problems_rounds_and_nodes(
    names: tuple[int, int, int], data: st.DataObject
) -> None:
    seed = task_seed(*names)
    assert 0 <= seed < 2**63
    assert seed == task_seed(*names)

    changed = list(names)
    changed[data.draw(st.integers(0, 2))] += 1
    assert task_seed(*changed) != seed


def test_a_frame_without_a_round_is_a_task_too() -> None:
    fields = {
        "task_id": 7,
        "message_type": "query",
        "node_id": 3,
        "round": None,
        "deadline_s": None,
    }

    assert Task.from_fields(fields) == Task(7, "query", 3)
    assert Task.from_fields(fields | {"round": {"server_round": 4}}).server_round == 4
