"""The setter's commands: each is carried out once, and answered."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path

from fedota_proto.errors import CheckpointError, FedotaError, UsageError
from fedota_proto.v1 import fl_status_pb2 as pb
from fedota_server.coordinator.engine import Engine
from fedota_server.coordinator.journal import Journal
from fedota_server.coordinator.orders import Orders, RollBack, Stop
from fedota_server.coordinator.round_key import RoundKey
from fedota_server.coordinator.state import ProblemState, Standing, State

_log = logging.getLogger(__name__)

CARRIED_OUT_WITHIN_S = 600.0
_KEPT = 500


class Commands:
    """Carries commands out; one that has been answered is answered the same again.

    Used in the event loop alone. The answers are kept in the folder, so that a command that was
    sent again to a restarted coordinator (a roll-back, say) does not happen twice.

    Parameters
    ----------
    path
        The file of answers.
    engine
        Holds what is open.
    state
        Of the problem.
    orders
        What the rounds' thread is to do; None for an app, which has its own loop.
    rollback_points
        Names the rounds that can be rolled back to, oldest first.
    """

    def __init__(
        self,
        path: Path,
        engine: Engine,
        state: ProblemState,
        orders: Orders | None,
        rollback_points: Callable[[], Sequence[int]],
    ) -> None:
        self._journal = Journal(path)
        self._engine = engine
        self._state = state
        self._orders = orders
        self._rollback_points = rollback_points
        self._answers: OrderedDict[str, pb.CommandReply] = OrderedDict()
        self._running: dict[str, asyncio.Task[pb.CommandReply]] = {}
        for row in self._journal.rows[-_KEPT:]:
            reply = pb.CommandReply(
                command_id=row["command_id"], done=row["done"], message=row["message"]
            )
            self._answers[reply.command_id] = reply
        self._journal.rows.clear()

    async def carry_out(self, command: pb.Command) -> pb.CommandReply:
        """Carry a command out, or return its answer if that has been done.

        Returns
        -------
        pb.CommandReply
            What was done, or why not.
        """
        command_id = command.command_id
        known = self._answers.get(command_id)
        if known is not None:
            return known
        running = self._running.get(command_id)
        if running is None:
            running = asyncio.create_task(self._answer(command))
            self._running[command_id] = running
            running.add_done_callback(lambda _: self._running.pop(command_id, None))
        return await asyncio.shield(running)

    async def _answer(self, command: pb.Command) -> pb.CommandReply:
        reply = pb.CommandReply(command_id=command.command_id)
        try:
            async with asyncio.timeout(CARRIED_OUT_WITHIN_S):
                reply.message = await self._do(command)
            reply.done = True
        except FedotaError as error:
            reply.message = error.public_message
        except TimeoutError:
            reply.message = "The coordinator is busy: give the command again."
        self._journal.append(
            [{"command_id": reply.command_id, "done": reply.done, "message": reply.message}]
        )
        self._answers[reply.command_id] = reply
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        _log.info("command %s: %s", command.WhichOneof("what"), reply.message)
        return reply

    async def _do(self, command: pb.Command) -> str:
        what = command.WhichOneof("what")
        if what == "revoke":
            self._engine.roster.end_membership(command.revoke, "revoked")
            return "The membership is revoked."
        if what == "selectors":
            drained = self._engine.roster.keep_selectors(command.selectors)
            return f"Clients use {command.selectors} selectors; {drained} are drained."
        if what is None:
            raise UsageError("This command is unknown here: use the same release on both sides.")
        if self._orders is None:
            raise UsageError("A Flower app keeps its own loop: it can be ended, but not steered.")
        if what == "pause":
            return self._pause(self._orders)
        if what == "resume":
            return self._resume(self._orders)
        if what == "stop":
            return await self._stop(self._orders)
        return await self._roll_back(self._orders, command.roll_back_to)

    def _pause(self, orders: Orders) -> str:
        standing = self._state.now
        if standing.held:
            return f"The problem is {standing.state} already."
        orders.hold()
        exchanges = self._engine.exchanges()
        self._state.enter(Standing(State.PAUSED, "It was paused by its setter."))
        if not exchanges:
            self._engine.block(orders.interruption("The problem was paused."))
            return "The problem is paused."
        return f"The problem is paused after {RoundKey(*exchanges[0].plan.key)}, which is open."

    def _resume(self, orders: Orders) -> str:
        standing = self._state.now
        if not standing.held:
            return f"The problem is {standing.state}: there is nothing to resume."
        if standing.state is State.COMPLETED:
            raise UsageError(
                "The problem is completed: roll back to an earlier round to go on from there."
            )
        self._state.enter(Standing(State.RUNNING))
        self._engine.unblock()
        orders.release()
        return "The problem goes on."

    async def _stop(self, orders: Orders) -> str:
        if self._state.now.state is State.COMPLETED:
            return "The problem is completed already."
        stop = Stop()
        orders.give(stop)
        self._engine.block(orders.interruption("The problem was stopped by its setter."))
        return await asyncio.wrap_future(stop.done)

    async def _roll_back(self, orders: Orders, to_round: int) -> str:
        points = self._rollback_points()
        if to_round not in points:
            those = ", ".join(str(point) for point in points) or "none yet"
            raise CheckpointError(f"Round {to_round} cannot be rolled back to; these can: {those}.")
        order = RollBack(to_round)
        orders.give(order)
        self._engine.block(orders.interruption(f"The problem is rolled back to round {to_round}."))
        message = await asyncio.wrap_future(order.done)
        if self._engine.roster.finished is not None:
            self._engine.roster.reopen()
        return message

    def close(self) -> None:
        """Close the file."""
        self._journal.close()
