"""A key is bound once, one process speaks for a node, and what has ended stays so."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fedota_server.coordinator.membership import Membership, Opened, Opening, Refused, Row

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ONE, TWO = b"1" * 16, b"2" * 16


def opening(
    node: int = 7,
    *,
    session: bytes = ONE,
    key: bytes = KEY,
    invite: bool = True,
    stream: int = 1,
    epoch: int = 1,
    **more: Any,
) -> Opening:
    return Opening(
        node_id=node,
        session_id=session,
        public_key=key,
        has_invite=invite,
        stream_id=stream,
        epoch=epoch,
        **more,
    )


def opened(membership: Membership, one: Opening, now: float = 0.0) -> Opened | Refused:
    return membership.open(one, now=now, now_unix_s=1_000_000_000.0 + now)


def membership(kept: list[Row] | None = None) -> tuple[Membership, list[Row]]:
    rows = list(kept or [])
    return Membership(rows.append, rows), rows


def test_an_invite_binds_a_key_once() -> None:
    members, rows = membership()
    result = opened(members, opening())
    assert result == Opened(bound=True, replaced=0, came=True)
    assert [row["public_key"] for row in rows] == [KEY.hex()]
    assert members.bound_count() == 1
    members.close(7, 1, 1)
    again = opened(members, opening(invite=False, stream=2))
    assert again == Opened(bound=False, replaced=0, came=True)
    assert len(rows) == 1


def test_without_an_invite_nothing_is_bound() -> None:
    members, rows = membership()
    refused = opened(members, opening(invite=False))
    assert isinstance(refused, Refused)
    assert "not a member" in refused.reason
    assert not rows


def test_a_used_invite_opens_nothing_for_another_key() -> None:
    members, _ = membership()
    opened(members, opening())
    refused = opened(members, opening(key=OTHER_KEY, session=TWO))
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_s) == ("invite", 0.0)
    assert "used by another client" in refused.reason


def test_the_same_process_replaces_its_older_stream() -> None:
    members, _ = membership()
    opened(members, opening(), now=1.0)
    result = opened(members, opening(epoch=2, stream=9), now=5.0)
    assert result == Opened(bound=False, replaced=1, came=False)
    assert members.close(7, 1, 1) is None, "the older stream's end says nothing"
    session = members.session(7)
    assert session is not None
    assert (session.epoch, session.stream_id, session.arrived_at) == (2, 9, 1.0)


def test_the_same_stream_told_again_replaces_nothing() -> None:
    members, _ = membership()
    opened(members, opening())
    assert opened(members, opening()) == Opened(bound=False, replaced=0, came=False)


def test_another_process_is_refused_until_the_stream_ends() -> None:
    members, _ = membership()
    opened(members, opening())
    refused = opened(members, opening(session=TWO, stream=2))
    assert isinstance(refused, Refused)
    assert refused.code == "session-in-use"
    assert refused.retry_after_s > 0
    assert "since 2001-09-09 01:46:40 UTC" in refused.reason
    assert members.close(7, 1, 1) is not None
    assert isinstance(opened(members, opening(session=TWO, stream=2)), Opened)


def test_a_tell_binds_and_opens_no_session() -> None:
    members, _ = membership()
    assert opened(members, opening(bind_only=True)) == Opened(bound=True, replaced=0, came=False)
    assert members.session(7) is None
    opened(members, opening())
    assert isinstance(opened(members, opening(session=TWO, bind_only=True)), Opened)


def test_a_membership_that_has_ended_opens_nothing() -> None:
    for how, word in (("revoked", "revoked"), ("left", "ended by its holder")):
        members, rows = membership()
        opened(members, opening())
        session = members.end(7, how, now_unix_s=5.0)
        assert session is not None
        assert session.node_id == 7
        refused = opened(members, opening())
        assert isinstance(refused, Refused)
        assert word in refused.reason
        assert members.end(7, "revoked", now_unix_s=6.0) is None
        assert [row["ended"] for row in rows] == ["", how], "told once"
        assert members.bound_count() == 0


def test_an_invite_can_be_revoked_before_it_is_used() -> None:
    members, _ = membership()
    members.end(7, "revoked", now_unix_s=5.0)
    assert members.is_ended(7)
    assert isinstance(opened(members, opening()), Refused)


def test_bindings_survive_the_process() -> None:
    members, rows = membership()
    opened(members, opening(7))
    opened(members, opening(8, key=OTHER_KEY))
    members.end(8, "left", now_unix_s=5.0)
    later, _ = membership(rows)
    assert {b.node_id: (b.public_key, b.ended) for b in later.bindings()} == {
        7: (KEY, ""),
        8: (OTHER_KEY, "left"),
    }
    assert isinstance(opened(later, opening(7, key=OTHER_KEY)), Refused)
    assert isinstance(opened(later, opening(7, invite=False)), Opened)


def test_what_cannot_be_kept_does_not_happen() -> None:
    def full(row: Row) -> None:
        raise OSError("disk full")

    members = Membership(full)
    for _ in range(2):
        try:
            opened(members, opening())
        except OSError:
            continue
        raise AssertionError("bound without being kept")
    assert members.bound_count() == 0


def test_an_ended_epoch_closes_its_streams_alone() -> None:
    members, _ = membership()
    opened(members, opening(1, epoch=1))
    opened(members, opening(2, epoch=2))
    assert [s.node_id for s in members.close_epoch(1)] == [1]
    assert [s.node_id for s in members.sessions()] == [2]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["open", "close", "end_epoch", "revoke"]),
        st.integers(1, 2),
        st.sampled_from([ONE, TWO]),
        st.sampled_from([KEY, OTHER_KEY]),
        st.integers(1, 3),
    ),
    max_size=40,
)


@given(STEPS)
def test_one_key_and_one_process_for_each_node(
    steps: list[tuple[str, int, bytes, bytes, int]],
) -> None:
    members, rows = membership()
    speaking: dict[int, tuple[bytes, int, int]] = {}
    keys: dict[int, bytes] = {}
    revoked = set()
    for stream, (step, node, session, key, epoch) in enumerate(steps, start=1):
        if step == "open":
            one = opening(node, session=session, key=key, epoch=epoch, stream=stream)
            result = opened(members, one)
            allowed = node not in revoked and keys.get(node, key) == key
            free = node not in speaking or speaking[node][0] == session
            assert isinstance(result, Opened) == (allowed and free)
            if isinstance(result, Opened):
                assert result.bound == (node not in keys)
                assert result.replaced == (speaking[node][1] if node in speaking else 0)
                keys[node] = key
                speaking[node] = (session, epoch, stream)
        elif step == "close" and node in speaking:
            _, at, current = speaking.pop(node)
            assert members.close(node, at, current) is not None
        elif step == "end_epoch":
            gone = {s.node_id for s in members.close_epoch(epoch)}
            assert gone == {n for n, (_, at, _) in speaking.items() if at == epoch}
            speaking = {n: s for n, s in speaking.items() if n not in gone}
        elif step == "revoke":
            members.end(node, "revoked", now_unix_s=0.0)
            revoked.add(node)
            speaking.pop(node, None)
    again = Membership(list[Row]().append, rows)
    assert {b.node_id: b.public_key for b in again.bindings() if b.public_key} == keys
    assert {b.node_id for b in again.bindings() if b.ended} == revoked
