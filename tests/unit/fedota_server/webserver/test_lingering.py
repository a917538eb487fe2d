"""How long servers of a completed problem stay up."""

from __future__ import annotations

from fedota_server.webserver.lingering import LEAST_S, MOST_S, Lingering


def test_servers_rest_once_every_client_has_left() -> None:
    lingering = Lingering()
    assert not lingering.over("p", 100.0, 2)
    assert not lingering.over("p", 100.0 + LEAST_S, 1)
    assert lingering.over("p", 101.0 + LEAST_S, 0)


def test_nobody_connected_is_not_believed_at_once() -> None:
    lingering = Lingering()
    assert not lingering.over("p", 100.0, 0)
    assert lingering.over("p", 100.0 + LEAST_S, 0)


def test_clients_that_stay_and_a_silent_coordinator_are_waited_for_a_minute() -> None:
    for held in (3, None):
        lingering = Lingering()
        assert not lingering.over("p", 0.0, held)
        assert not lingering.over("p", MOST_S - 0.1, held)
        assert lingering.over("p", MOST_S, held)


def test_whoever_has_something_to_do_begins_anew() -> None:
    lingering = Lingering()
    lingering.over("p", 0.0, 0)
    lingering.forget("p")
    assert not lingering.over("p", MOST_S, 0)
