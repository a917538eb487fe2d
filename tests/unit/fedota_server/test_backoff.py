"""A server that keeps ending is started ever more seldom, until one start lasts."""

from fedota_server.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(least_s=0.5, most_s=3.0, lasting_s=60.0)
    assert [backoff.after(1.0) for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_start_that_lasted_begins_anew() -> None:
    backoff = Backoff(least_s=0.5, most_s=3.0, lasting_s=60.0)
    backoff.after(0.0)
    backoff.after(0.0)
    assert backoff.after(60.0) == 0.5
    assert backoff.after(0.0) == 1.0
