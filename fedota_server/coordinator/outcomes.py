"""What became of each update, signed, for as long as its client may ask."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from fedota_proto.credential import ReceiptKey
from fedota_proto.v1 import fl_round_pb2 as pb
from fedota_server.coordinator.round_key import RoundKey

if TYPE_CHECKING:
    from fedota_proto.v1.fl_round_pb2 import OutcomeKind

PER_NODE = 64
NODES = 20_000

Earlier = Callable[[int, int], pb.Outcome | None]


class Outcomes:
    """Signs outcomes and remembers the newest of each node.

    Parameters
    ----------
    problem_id
        Covered by the signature.
    key
        The problem's receipt key.
    earlier
        Finds an outcome of an earlier process by node and task, unsigned; None if it knows none.
    """

    def __init__(self, problem_id: str, key: ReceiptKey, earlier: Earlier) -> None:
        self._problem_id = problem_id
        self._key = key
        self._earlier = earlier
        self._of_node: OrderedDict[int, deque[pb.Outcome]] = OrderedDict()

    def sign(
        self,
        node_id: int,
        task_id: int,
        key: RoundKey,
        message_type: str,
        kind: OutcomeKind.ValueType,
        *,
        code: str = "",
        reason: str = "",
        weight: float = 0.0,
        update_sha256: bytes = b"",
    ) -> pb.Outcome:
        """Make, sign and remember an outcome.

        Returns
        -------
        pb.Outcome
            Signed.
        """
        outcome = pb.Outcome(
            task_id=task_id,
            round=key.to_proto(),
            message_type=message_type,
            kind=kind,
            code=code,
            reason=reason,
            weight=weight,
            update_sha256=update_sha256,
        )
        self._key.sign_outcome(self._problem_id, node_id, outcome)
        kept = self._of_node.get(node_id)
        if kept is None:
            kept = self._of_node[node_id] = deque(maxlen=PER_NODE)
            if len(self._of_node) > NODES:
                self._of_node.popitem(last=False)
        else:
            self._of_node.move_to_end(node_id)
        kept.append(outcome)
        return outcome

    def of_node(self, node_id: int) -> list[pb.Outcome]:
        """List a node's remembered outcomes, newest last."""
        return list(self._of_node.get(node_id, ()))

    def find(self, node_id: int, task_ids: Iterable[int]) -> list[pb.Outcome]:
        """Find the outcomes of a client's tasks, those of earlier processes included.

        Returns
        -------
        list of pb.Outcome
            Signed; tasks without an outcome are left out.
        """
        found = []
        known = {outcome.task_id: outcome for outcome in self._of_node.get(node_id, ())}
        for task_id in task_ids:
            outcome = known.get(task_id)
            if outcome is None:
                outcome = self._earlier(node_id, task_id)
                if outcome is not None:
                    self._key.sign_outcome(self._problem_id, node_id, outcome)
            if outcome is not None:
                found.append(outcome)
        return found
