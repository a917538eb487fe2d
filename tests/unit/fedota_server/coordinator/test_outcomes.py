"""Outcomes are signed, remembered within bounds, and found again after a restart."""

from __future__ import annotations

import pytest

from fedota_proto.credential import ReceiptKey, verify_outcome
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.coordinator import outcomes as outcomes_module
from fedota_server.coordinator.outcomes import Outcomes
from fedota_server.coordinator.round_key import RoundKey

PROBLEM = "0123456789ab"
KEY = ReceiptKey.generate()


def outcomes(earlier: pb.Outcome | None = None) -> Outcomes:
    def find(node_id: int, task_id: int) -> pb.Outcome | None:
        found = earlier is not None and (node_id, task_id) == (7, earlier.task_id)
        return earlier if found else None

    return Outcomes(PROBLEM, KEY, find)


def counted(kept: Outcomes, node: int, task: int) -> pb.Outcome:
    return kept.sign(
        node, task, RoundKey(0, 2, 1), "train", pb.COUNTED, weight=10.0, update_sha256=b"u" * 32
    )


def test_an_outcome_is_signed_for_its_node() -> None:
    outcome = counted(outcomes(), 7, 100)
    assert verify_outcome(KEY.public_bytes, PROBLEM, 7, outcome)
    assert not verify_outcome(KEY.public_bytes, PROBLEM, 8, outcome)
    assert (outcome.round.server_round, outcome.weight) == (2, 10.0)


def test_only_the_nodes_own_outcomes_are_found() -> None:
    kept = outcomes()
    mine = counted(kept, 7, 100)
    counted(kept, 8, 101)
    assert kept.find(7, [100, 101, 102]) == [mine]
    assert kept.of_node(7) == [mine]
    assert kept.of_node(9) == []


def test_outcomes_of_an_earlier_process_are_signed_when_asked_for() -> None:
    kept = outcomes(pb.Outcome(task_id=55, kind=pb.LATE, message_type="train"))
    (found,) = kept.find(7, [55])
    assert verify_outcome(KEY.public_bytes, PROBLEM, 7, found)
    assert kept.find(8, [55]) == []


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcomes_module, "NODES", 3)
    kept = outcomes()
    for node in range(1, 6):
        counted(kept, node, 100 + node)
    assert [node for node in range(1, 6) if kept.of_node(node)] == [3, 4, 5]
    for task in range(outcomes_module.PER_NODE + 5):
        counted(kept, 5, 1000 + task)
    assert len(kept.of_node(5)) == outcomes_module.PER_NODE
    assert kept.of_node(5)[-1].task_id == 1000 + outcomes_module.PER_NODE + 4
