"""The rounds' thread is told what to do, commands before rounds."""

from __future__ import annotations

import threading

from fedota_proto.errors import RoundAbandonedError
from fedota_server.coordinator.orders import Order, Orders, RollBack, ShutDown, Stop, TrainRound


def test_commands_go_before_rounds_and_the_end_before_all() -> None:
    orders = Orders(held=False)
    assert isinstance(orders.next(), TrainRound)
    stop, back = Stop(), RollBack(3)
    orders.give(stop)
    orders.give(back)
    assert orders.next() is stop
    assert orders.next() is back
    orders.give(Stop())
    orders.shut_down()
    assert isinstance(orders.next(), ShutDown)


def test_commands_are_carried_out_while_rounds_are_held() -> None:
    orders = Orders(held=True)
    back = RollBack(1)
    orders.give(back)
    assert orders.next() is back


def test_a_held_thread_is_woken() -> None:
    orders = Orders(held=False)
    orders.hold()
    heard: list[Order] = []
    thread = threading.Thread(target=lambda: heard.append(orders.next()))
    thread.start()
    orders.release()
    thread.join(10.0)
    assert [type(order) for order in heard] == [TrainRound]


def test_an_interruption_is_told_from_a_failure() -> None:
    orders = Orders(held=False)
    error = orders.interruption("The problem was paused.")
    assert orders.ordered(error)
    assert not orders.ordered(RoundAbandonedError("The problem was paused."))
