"""A task is counted at most once over selectors, whatever the order of epochs and resends."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from fedota_server.coordinator.tasks import Entry, HeldAs, Task, TaskBook, TaskState


def book_of(*nodes: int, owner: int = 1) -> TaskBook:
    book = TaskBook()
    for node in nodes:
        book.add(Task(task_id=100 + node, node_id=node, owner=owner))
    return book


def entry(node: int, weight: float = 10.0) -> Entry:
    return Entry(node, 100 + node, weight, bytes([node]) * 32)


def test_an_update_is_held_once() -> None:
    book = book_of(1)
    assert book.hold(1, entry(1)) is HeldAs.NEW
    assert book.hold(1, entry(1)) is HeldAs.AGAIN
    assert book.hold(2, entry(1)) is HeldAs.TWICE
    assert book[101].owner == 1


def test_who_holds_first_owns_the_task() -> None:
    book = book_of(1)
    assert book.give(101, 2) == 1
    assert book.hold(1, entry(1)) is HeldAs.NEW
    assert book[101].owner == 1
    assert book.hold(2, entry(1)) is HeldAs.TWICE


def test_only_the_owner_may_fail_a_task() -> None:
    book = book_of(1)
    book.give(101, 2)
    assert not book.refuse(101, TaskState.REJECTED, "shape", "…", epoch=1)
    assert book.refuse(101, TaskState.REJECTED, "shape", "…", epoch=2)
    assert not book.refuse(101, TaskState.FAILED, "x", "…")
    # What the first selector merged meanwhile must not count either.
    assert book.hold(1, entry(1)) is HeldAs.TWICE


def test_a_partial_is_counted_whole_or_not_at_all() -> None:
    book = book_of(1, 2, 3)
    for node in (1, 2):
        book.hold(1, entry(node))
    assert "not what this selector" in book.count_partial(1, [entry(1), entry(3)], 20.0)
    assert "not what this selector" in book.count_partial(2, [entry(1)], 10.0)
    assert "not what this selector" in book.count_partial(1, [entry(1, 11.0)], 11.0)
    assert "twice" in book.count_partial(1, [entry(1), entry(1)], 20.0)
    assert "sum" in book.count_partial(1, [entry(1), entry(2)], 21.0)
    assert book.count(TaskState.COUNTED) == 0
    assert book.count_partial(1, [entry(1), entry(2)], 20.0) == ""
    assert "not what this selector" in book.count_partial(1, [entry(1)], 10.0)
    assert book.count(TaskState.COUNTED) == 2


def test_what_an_ended_epoch_held_is_void_and_may_be_held_elsewhere() -> None:
    book = book_of(1, 2)
    book.hold(1, entry(1))
    assert [task.node_id for task in book.void(1)] == [1]
    assert book.owners(*TaskState) == set()
    assert book.hold(2, entry(1)) is HeldAs.NEW
    assert book.count_partial(2, [entry(1)], 10.0) == ""
    assert book.hold(1, entry(1)) is HeldAs.TWICE


def test_a_forwarded_update_counts_once() -> None:
    book = book_of(1)
    assert book.hold(1, entry(1)) is HeldAs.NEW
    assert not book.count_forwarded(2, entry(1))
    assert book.count_forwarded(1, entry(1))
    assert not book.count_forwarded(1, entry(1))
    assert book.count(TaskState.COUNTED) == 1


def test_another_nodes_task_is_never_held() -> None:
    book = book_of(1, 2)
    stolen = Entry(2, 101, 10.0, b"")
    assert book.hold(1, stolen) is HeldAs.TWICE
    assert book[101].state is TaskState.PENDING


def test_the_close_ends_what_is_open() -> None:
    book = book_of(1, 2, 3)
    book.hold(1, entry(1))
    book.count_partial(1, [entry(1)], 10.0)
    book.hold(1, entry(2))
    assert [task.node_id for task in book.close("late", "…")] == [2, 3]
    assert book.hold(1, entry(3)) is HeldAs.LATE


@dataclass
class LossySelector:
    """A selector that merges whatever its clients send, and says so later, or never."""

    epoch: int
    merged: dict[int, Entry] = field(default_factory=dict)
    unsaid: list[Entry] = field(default_factory=list)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["merge", "say", "repeat", "move", "die", "drop", "fold"]),
        st.integers(0, 2),
        st.integers(1, 4),
    ),
    max_size=60,
)


@settings(max_examples=300)
@given(STEPS)
def test_over_any_history_each_task_is_folded_at_most_once(
    steps: list[tuple[str, int, int]],
) -> None:
    """Selectors die, come back as new epochs, merge the same update twice, and send partials."""
    book = book_of(1, 2, 3, 4)
    selectors = [LossySelector(1), LossySelector(2), LossySelector(3)]
    epochs = 3
    folded: Counter[int] = Counter()
    weight = 0.0
    for step, which, node in steps:
        selector = selectors[which]
        if step == "merge" and node not in selector.merged:
            selector.merged[node] = entry(node)
            selector.unsaid.append(entry(node))
        elif step == "say" and selector.unsaid:
            held = selector.unsaid.pop(0)
            if book.hold(selector.epoch, held) is HeldAs.TWICE:
                # As the engine does: what it merged is dropped, what it held is void.
                book.void(selector.epoch)
                selectors[which] = LossySelector(selector.epoch)
        elif step == "repeat" and node in selector.merged:
            selector.unsaid.append(selector.merged[node])
        elif step == "move" and book[100 + node].state is TaskState.PENDING:
            book.give(100 + node, selector.epoch)
        elif step == "die":
            book.void(selector.epoch)
            epochs += 1
            selectors[which] = LossySelector(epochs)
        elif step == "drop":
            book.void(selector.epoch)
            selectors[which] = LossySelector(selector.epoch)
        elif step == "fold":
            entries = list(selector.merged.values())
            total = sum(e.weight for e in entries)
            if entries and not book.count_partial(selector.epoch, entries, total):
                folded.update(e.task_id for e in entries)
                weight += total
    assert all(count == 1 for count in folded.values())
    assert weight == 10.0 * len(folded)
    counted = {task.task_id for task in book.all() if task.state is TaskState.COUNTED}
    assert counted == set(folded)
