"""One epoch per selector, with a grace; what has ended never goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fedota_server.coordinator.epochs import Epochs, EpochState

A, B = b"a" * 16, b"b" * 16


def test_the_same_process_goes_on_within_its_grace() -> None:
    epochs = Epochs(grace_s=10.0)
    first = epochs.attach(1, A, "host:1", 0)
    assert (first.goes_on, first.ended) == (False, 0)
    assert epochs.lose(first.epoch, 5.0) == 15.0
    again = epochs.attach(1, A, "host:2", first.epoch)
    assert (again.epoch, again.goes_on) == (first.epoch, True)
    assert epochs.end_due(100.0) == []
    assert epochs[first.epoch].address == "host:2"


def test_another_process_ends_the_epoch_at_once() -> None:
    epochs = Epochs(grace_s=10.0)
    first = epochs.attach(1, A, "host:1", 0)
    other = epochs.attach(1, B, "host:1", first.epoch)
    assert (other.goes_on, other.ended) == (False, first.epoch)
    assert epochs.has_ended(first.epoch)
    assert epochs.is_attached(other.epoch)


def test_after_its_grace_an_epoch_has_ended_for_good() -> None:
    epochs = Epochs(grace_s=10.0)
    first = epochs.attach(1, A, "host:1", 0)
    epochs.lose(first.epoch, 5.0)
    assert epochs.end_due(14.9) == []
    assert epochs.end_due(15.0) == [first.epoch]
    again = epochs.attach(1, A, "host:1", first.epoch)
    assert not again.goes_on
    assert again.epoch != first.epoch


def test_an_epoch_of_another_selector_cannot_be_claimed() -> None:
    epochs = Epochs(grace_s=10.0)
    first = epochs.attach(1, A, "host:1", 0)
    other = epochs.attach(2, A, "host:2", first.epoch)
    assert not other.goes_on
    assert epochs.is_attached(first.epoch)


def test_the_order_is_the_selectors_own() -> None:
    epochs = Epochs(grace_s=10.0)
    third, first = (epochs.attach(n, A, f"host:{n}", 0) for n in (3, 1))
    second = epochs.attach(2, A, "host:2", 0)
    assert [e.number for e in epochs.current()] == [first.epoch, second.epoch, third.epoch]


def test_only_ended_epochs_that_nothing_needs_are_forgotten() -> None:
    epochs = Epochs(grace_s=10.0)
    first = epochs.attach(1, A, "host:1", 0)
    second = epochs.attach(1, B, "host:1", 0)
    epochs.forget_ended(keep={first.epoch})
    assert epochs[first.epoch].state is EpochState.ENDED
    epochs.forget_ended(keep=set())
    assert epochs.has_ended(first.epoch)
    assert epochs.is_attached(second.epoch)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["attach", "lose", "tick", "end"]),
            st.integers(1, 3),
            st.sampled_from([A, B]),
            st.floats(0.0, 6.0),
        ),
        max_size=40,
    )
)
def test_a_selector_never_has_two_epochs_and_ended_ones_never_return(
    steps: list[tuple[str, int, bytes, float]],
) -> None:
    epochs = Epochs(grace_s=10.0)
    now, ended = 0.0, set()
    newest: dict[int, int] = {}
    for step, selector, instance, later in steps:
        now += later
        if step == "attach":
            attachment = epochs.attach(selector, instance, "host:1", newest.get(selector, 0))
            assert attachment.epoch not in ended
            if attachment.ended:
                ended.add(attachment.ended)
            newest[selector] = attachment.epoch
        elif selector in newest and step == "lose":
            epochs.lose(newest[selector], now)
        elif selector in newest and step == "end" and epochs.end(newest[selector]):
            ended.add(newest[selector])
        elif step == "tick":
            ended.update(epochs.end_due(now))
        current = epochs.current()
        assert len({e.selector for e in current}) == len(current)
        assert not ended.intersection(e.number for e in current)
        assert all(epochs.has_ended(number) for number in ended)
