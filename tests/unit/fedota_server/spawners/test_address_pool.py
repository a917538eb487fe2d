"""How a range of addresses is cut into problems' networks."""

from __future__ import annotations

import ipaddress
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.errors import UsageError
from fedota_server.spawners.address_pool import AddressPool, Prefix, same_block


def pool(text: str = "10.210.0.0/22") -> AddressPool:
    made = AddressPool.parse(text)
    assert made is not None
    return made


def first(prefix: Prefix, taken: list[str], count: int = 2) -> list[str]:
    return list(islice(pool().candidates(prefix, taken), count))


def test_none_is_none() -> None:
    assert AddressPool.parse("") is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.210.0.0", "between /12 and /23"),
        ("10.210.0.0/24", "a problem takes 264 addresses"),
        ("10.0.0.0/8", "between /12 and /23"),
        ("10.210.0.1/16", "no range of addresses"),
        ("fd00::/16", "no range of addresses"),
        ("ten", "no range of addresses"),
    ],
)
def test_what_is_no_range_is_told(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        AddressPool.parse(text)


def test_wide_ones_come_from_below_and_narrow_ones_from_above() -> None:
    assert first(Prefix.WIDE, []) == ["10.210.0.0/25", "10.210.0.128/25"]
    assert first(Prefix.NARROW, []) == ["10.210.3.248/29", "10.210.3.240/29"]


def test_what_is_taken_is_left_out() -> None:
    taken = ["10.210.0.0/25", "10.210.0.128/27", "10.210.3.248/29", "172.17.0.0/16", "fd00::/64"]
    assert first(Prefix.WIDE, taken) == ["10.210.1.0/25", "10.210.1.128/25"]
    assert first(Prefix.NARROW, taken) == ["10.210.3.240/29", "10.210.3.232/29"]
    assert list(pool().candidates(Prefix.NARROW, ["10.0.0.0/8"])) == []


def test_only_what_it_is_cut_into_is_its_own() -> None:
    held = ("10.210.0.128/25", "10.210.3.0/29")
    assert all(pool().holds(one) for one in held)
    others = ("10.210.4.0/25", "10.210.0.0/24", "10.210.0.1/29", "0.0.0.0/0", "", "x", "fd00::/29")
    assert not any(pool().holds(one) for one in others)


def test_neighbours_within_a_wide_network() -> None:
    assert same_block("10.210.0.0/29", "10.210.0.120/29")
    assert not same_block("10.210.0.120/29", "10.210.0.128/29")


@pytest.mark.parametrize(
    ("text", "problems"), [("10.0.0.0/23", 1), ("10.0.0.0/22", 3), ("10.0.0.0/16", 248)]
)
def test_a_range_holds_so_many_problems(text: str, problems: int) -> None:
    assert pool(text).problems_left([]) == problems


@given(st.integers(20, 23), st.lists(st.booleans(), max_size=40))
def test_as_many_problems_fit_as_are_counted(size: int, order: list[bool]) -> None:
    """Whatever is removed in between, each problem counted gets its networks, and no other does."""
    whole = pool(f"10.0.0.0/{size}")
    problems: list[list[str]] = []

    def taken() -> list[str]:
        return [one for problem in problems for one in problem]

    def add() -> bool:
        got: list[str] = []
        for prefix in (Prefix.WIDE, Prefix.NARROW, Prefix.WIDE):
            found = next(whole.candidates(prefix, [*taken(), *got]), "")
            if not found:
                return False
            got.append(found)
        problems.append(got)
        return True

    for adds in order:
        if adds or not problems:
            add()
        else:
            problems.pop(0)
    networks = [ipaddress.IPv4Network(one) for one in taken()]
    assert not any(
        one.overlaps(other) for one in networks for other in networks if one is not other
    )
    left = whole.problems_left(taken())
    assert [add() for _ in range(left + 1)] == [True] * left + [False]
