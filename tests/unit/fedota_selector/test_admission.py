"""Who is held, in any order of check-ins, verdicts and ends."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from fedota_proto.errors import BusyError, SessionInUseError
from fedota_proto.v1 import fl_intra_pb2 as intra
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_selector.admission import Admission
from fedota_selector.sessions import Session

HELD_MAX = 3


def session(node_id: int, process: int = 1) -> Session:
    return Session(node_id, bytes([process]) * 16, b"k" * 32, pb.CheckInRequest())


def test_a_session_is_pending_until_the_verdict() -> None:
    admission = Admission(HELD_MAX)
    ann = session(1)
    opened, replaced = admission.open(ann)
    assert (opened.node_id, opened.stream_id, replaced) == (1, ann.stream_id, None)
    assert admission.admitted(1) is None
    assert admission.accept(ann.stream_id) == (ann, None)
    assert admission.admitted(1) is ann
    gone = admission.gone(ann)
    assert gone is not None
    assert (gone.stream_id, gone.reason) == (ann.stream_id, "dropped")
    assert admission.gone(ann) is None
    assert (len(admission), admission.admitted(1)) == (0, None)


def test_the_newer_stream_of_a_process_replaces_the_older_one() -> None:
    admission = Admission(HELD_MAX)
    older, newer = session(1), session(1)
    admission.open(older)
    admission.accept(older.stream_id)
    assert admission.open(newer)[1] is None
    assert admission.admitted(1) is older
    assert admission.accept(newer.stream_id) == (newer, older)
    admission.gone(older)
    assert admission.admitted(1) is newer


def test_of_two_pending_streams_the_older_ends_at_once() -> None:
    admission = Admission(HELD_MAX)
    older, newer = session(1), session(1)
    admission.open(older)
    assert admission.open(newer)[1] is older
    with pytest.raises(SessionInUseError):
        admission.open(session(1, process=2))


def test_the_refused_are_forgotten_and_not_reported() -> None:
    admission = Admission(HELD_MAX)
    ann = session(1)
    admission.open(ann)
    assert admission.refuse(ann.stream_id) is ann
    assert admission.gone(ann) is None
    assert admission.accept(ann.stream_id) == (None, None)


def test_no_more_than_the_limit_but_for_those_who_are_in() -> None:
    admission = Admission(HELD_MAX)
    for node_id in range(1, HELD_MAX + 1):
        admission.open(session(node_id))
    with pytest.raises(BusyError) as raised:
        admission.open(session(9))
    assert raised.value.retry_after_s > 0
    admission.open(session(1))


def test_after_the_stream_is_renewed_all_are_announced_under_new_numbers() -> None:
    admission = Admission(HELD_MAX)
    gone, stays, pending = session(1), session(2), session(3)
    for one in (gone, stays, pending):
        admission.open(one)
    admission.accept(stays.stream_id)
    admission.gone(gone)
    before = {stays.stream_id, pending.stream_id}
    messages = admission.reattached(same_epoch=True)
    assert [type(m) for m in messages] == [intra.ClientGone, intra.ClientOpen, intra.ClientOpen]
    assert [m.node_id for m in messages] == [1, 2, 3]
    assert before.isdisjoint({stays.stream_id, pending.stream_id})
    assert admission.accept(pending.stream_id) == (pending, None)
    assert [m.node_id for m in admission.reattached(same_epoch=False)] == [2, 3]


class Check(RuleBasedStateMachine):
    """At most one admitted session a node, never more than the limit allows, nobody lost."""

    streams = Bundle("streams")

    @initialize()
    def begin(self) -> None:
        self.admission = Admission(HELD_MAX)
        self.open: list[Session] = []
        self.used_ids: set[int] = set()

    @rule(target=streams, node_id=st.integers(1, 5), process=st.integers(1, 2))
    def check_in(self, node_id: int, process: int) -> Any:
        one = session(node_id, process)
        try:
            opened, replaced = self.admission.open(one)
        except (BusyError, SessionInUseError):
            return multiple()
        assert opened.stream_id not in self.used_ids
        self.used_ids.add(opened.stream_id)
        self.open.append(one)
        if replaced is not None:
            assert replaced.node_id == node_id
            self.end(replaced)
        return one

    @rule(one=streams, accepted=st.booleans())
    def verdict(self, one: Session, accepted: bool) -> None:
        if accepted:
            admitted, replaced = self.admission.accept(one.stream_id)
            assert (admitted is one) == (one in self.open)
            if replaced is not None:
                assert (replaced.node_id, replaced is one) == (one.node_id, False)
                self.end(replaced)
        else:
            refused = self.admission.refuse(one.stream_id)
            assert (refused is one) == (one in self.open)
            if refused is not None:
                self.open.remove(one)

    @rule(one=streams)
    def end(self, one: Session) -> None:
        gone = self.admission.gone(one)
        assert (gone is not None) == (one in self.open)
        if gone is not None:
            self.open.remove(one)

    @rule(same_epoch=st.booleans())
    def reattach(self, same_epoch: bool) -> None:
        opened = [
            m
            for m in self.admission.reattached(same_epoch=same_epoch)
            if isinstance(m, intra.ClientOpen)
        ]
        assert [m.stream_id for m in opened] == [one.stream_id for one in self.admission]
        assert self.used_ids.isdisjoint(m.stream_id for m in opened)
        self.used_ids.update(m.stream_id for m in opened)

    @invariant()
    def agrees(self) -> None:
        assert sorted(map(id, self.admission)) == sorted(map(id, self.open))
        admitted = list(self.admission.all_admitted())
        assert len({one.node_id for one in admitted}) == len(admitted)
        assert all(one in self.open for one in admitted)
        assert len({one.node_id for one in self.open}) <= HELD_MAX
        assert len(self.open) <= 2 * HELD_MAX


Check.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestCheck = Check.TestCase
