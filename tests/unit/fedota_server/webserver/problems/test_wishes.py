"""What may be wished in which status, and what then happens."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import delete
from support.checkpoints import save_checkpoint
from support.web_desk import WebDesk

from fedota_proto.errors import CheckpointError, ConflictError, NotFoundError
from fedota_server.webserver.permissions import Action, Actor
from fedota_server.webserver.statuses import Status
from fedota_server.webserver.tables import CommandRow

WISHES: dict[str, tuple[set[Status], Action, Callable[[WebDesk, Actor, str], object]]] = {
    "start": ({Status.READY}, Action.START, lambda d, a, p: d.problems.start(a, p)),
    "pause": (
        {Status.RUNNING, Status.WAITING},
        Action.PAUSE,
        lambda d, a, p: d.problems.pause(a, p),
    ),
    "resume": (
        {Status.PAUSED, Status.FAILED},
        Action.RESUME,
        lambda d, a, p: d.problems.resume(a, p),
    ),
    "stop": (
        {Status.RUNNING, Status.WAITING, Status.PAUSED, Status.FAILED},
        Action.STOP,
        lambda d, a, p: d.problems.stop(a, p),
    ),
    "roll back": (
        {Status.RUNNING, Status.WAITING, Status.PAUSED, Status.COMPLETED, Status.FAILED},
        Action.ROLL_BACK,
        lambda d, a, p: d.problems.roll_back(a, p, 2),
    ),
    "scale": (
        {Status.READY, Status.RUNNING, Status.WAITING, Status.PAUSED, Status.FAILED},
        Action.SCALE,
        lambda d, a, p: d.problems.scale(a, p, 3),
    ),
    "archive": (
        {Status.READY, Status.COMPLETED, Status.FAILED},
        Action.ARCHIVE,
        lambda d, a, p: d.problems.archive(a, p),
    ),
}


@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_is_carried_out_where_it_fits_and_refused_elsewhere(
    desk: WebDesk, setter: Actor, wish: str
) -> None:
    fits, action, call = WISHES[wish]
    problem = desk.published(setter)
    save_checkpoint(desk.folder(problem), 2, state=True)
    for status in Status:

        def begin(row: object, status: Status = status) -> None:
            row.status, row.wanted = status, "stopped"  # type: ignore[attr-defined]

        desk.change(problem, begin)
        with desk.database.session() as session, session.begin():
            session.exec(delete(CommandRow))
        before = (desk.audit(problem), desk.woken)
        assert (action in desk.problems.view(setter, problem).may) == (status in fits), status
        if status in fits:
            call(desk, setter, problem)
            assert desk.audit(problem) == [*before[0], ("Sara", action)]
            assert desk.woken == before[1] + 1
        else:
            with pytest.raises(ConflictError, match=f"This problem is {status}"):
                call(desk, setter, problem)
            assert (desk.audit(problem), desk.woken) == before
            assert desk.commands(problem) == []
            assert desk.row(problem).wanted == "stopped"


def test_start_wants_the_servers_once(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)

    desk.problems.start(setter, problem)

    assert desk.row(problem).wanted == "serving"
    assert Action.START not in desk.problems.view(setter, problem).may
    with pytest.raises(ConflictError, match="being started already"):
        desk.problems.start(setter, problem)


def test_commands_wait_for_their_answer(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    desk.set_status(problem, "running")

    command = desk.problems.pause(setter, problem)

    assert desk.commands(problem) == [("pause", 0)]
    assert not desk.problems.command(setter, problem, command).answered
    assert [one.what for one in desk.problems.view(setter, problem).open_commands] == ["pause"]
    with pytest.raises(ConflictError, match="has not answered yet"):
        desk.problems.pause(setter, problem)

    with desk.database.session() as session, session.begin():
        row = session.get_one(CommandRow, command)
        row.answered_unix_s, row.done, row.message = desk.clock(), True, "The problem is paused."
        session.add(row)
    view = desk.problems.command(setter, problem, command)
    assert (view.answered, view.done, view.message) == (True, True, "The problem is paused.")
    assert desk.problems.view(setter, problem).open_commands == ()
    with pytest.raises(NotFoundError):
        desk.problems.command(setter, desk.published(setter), command)


def test_what_is_over_is_served_again_to_go_on(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    save_checkpoint(desk.folder(problem), 2, state=True)
    desk.set_status(problem, "completed")

    desk.problems.roll_back(setter, problem, 2)

    assert desk.commands(problem) == [("roll_back_to", 2)]
    assert desk.row(problem).wanted == "serving"


def test_only_rounds_whose_state_is_kept_can_be_rolled_back_to(
    desk: WebDesk, setter: Actor
) -> None:
    problem = desk.published(setter)
    folder = desk.folder(problem)
    for server_round in range(1, 6):
        save_checkpoint(folder, server_round, state=server_round in (3, 4, 5))
    desk.set_status(problem, "running")

    kept = desk.problems.kept_rounds(setter, problem)
    assert (kept.arrays, kept.state) == ((1, 2, 3, 4, 5), (3, 4, 5))
    for server_round in (2, 6):
        with pytest.raises(CheckpointError, match="these can: 3, 4, 5"):
            desk.problems.roll_back(setter, problem, server_round)

    save_checkpoint(folder, 3, generation=1, base=3, state=True)
    assert desk.problems.kept_rounds(setter, problem).arrays == (1, 2, 3)


def test_archiving_stops_the_servers_and_keeps_the_model(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    save_checkpoint(desk.folder(problem), 1)
    desk.change(problem, lambda row: setattr(row, "wanted", "serving"))
    desk.set_status(problem, "completed")

    desk.problems.archive(setter, problem)

    row = desk.row(problem)
    assert (row.status, row.wanted, row.archived_unix_s) == ("archived", "stopped", desk.clock())
    assert desk.problems.export_model(setter, problem, desk.place / "out.keras") == 1
    assert desk.problems.catalogue(setter).items == ()
