"""What is read of a problem that trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.checkpoints import save_checkpoint
from support.web_desk import WebDesk

from fedota_proto.errors import CheckpointError, NotFoundError
from fedota_proto.model_file import read_weights
from fedota_server.webserver.permissions import Action, Actor, Role
from fedota_server.webserver.problems.use_cases import membership_of
from fedota_server.webserver.tables import (
    ClientRow,
    EvaluationRow,
    RoundRow,
    ServerRow,
    UpdateRow,
)
from fedota_server.webserver.views import AttendanceView


def add_round(desk: WebDesk, problem: str, server_round: int, **fields: Any) -> None:
    desk.add(
        RoundRow.model_validate(
            {
                "problem_id": problem,
                "generation": 0,
                "server_round": server_round,
                "attempt": 1,
                "completed": True,
                "admitted": 4,
                "reported": 3,
                "weight": 120.0,
                "train_metrics": {"loss": 1 / server_round},
                "stage_s": {"selection": 1.5},
                "ended_unix_s": float(server_round),
                **fields,
            }
        )
    )


def add_client(
    desk: WebDesk, problem: str, holder: Actor, node_id: int, name: str, **fields: object
) -> None:
    with desk.database.session() as session:
        membership = membership_of(session, problem, holder.user_id)
    assert membership is not None
    desk.add(
        ClientRow.model_validate(
            {
                "node_id": node_id,
                "problem_id": problem,
                "membership_id": membership.id or 0,
                "name": name,
                "created_unix_s": 0.0,
                "expires_unix_s": 1.0,
                "bound_unix_s": 0.5,
                "last_change": "connected",
                "last_change_unix_s": 7.0,
                "selector": "selector-1",
                **fields,
            }
        )
    )


def add_update(
    desk: WebDesk, problem: str, node_id: int, server_round: int, **fields: object
) -> None:
    desk.add(
        UpdateRow.model_validate(
            {
                "problem_id": problem,
                "node_id": node_id,
                "generation": 0,
                "server_round": server_round,
                "attempt": 1,
                "kind": "train",
                "outcome": "counted",
                "weight": 40.0,
                "size_bytes": 1000,
                "unix_s": float(server_round),
                **fields,
            }
        )
    )


def test_the_setter_sees_how_many_are_ready_and_who_is_away_until_when(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    soon = desk.clock() + 1000.0
    never: dict[str, object] = {"bound_unix_s": None, "last_change": "", "expires_unix_s": soon}
    clients: list[dict[str, object]] = [
        never,
        {**never, "ready": True},
        {**never, "expires_unix_s": 1.0},
        {"last_change": "away", "away_until_unix_s": soon + 5.0},
        {"last_change": "away", "away_until_unix_s": soon},
        {"last_change": "away"},
        {"last_change": "left"},
        {},
    ]
    for node_id, fields in enumerate(clients):
        add_client(desk, problem, holder, node_id, f"client {node_id}", **fields)

    seen = desk.problems.view(setter, problem).attendance

    assert seen == AttendanceView(clients=6, ready=5, away=3, back_unix_s=soon, left=1)
    assert desk.problems.view(holder, problem).attendance is None
    shown = desk.memberships.clients(holder, problem)
    backs = {one.node_id: one.back_unix_s for one in shown if one.state == "away"}
    assert backs == {3: soon + 5.0, 4: soon, 5: None}


def test_of_who_is_gone_the_setter_sees_since_when_the_model_has_it(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    problem = desk.published(setter)
    desk.memberships.join(holder, problem)
    for node_id, change in ((1, "left"), (2, "revoked"), (3, "left"), (4, "gone")):
        add_client(desk, problem, holder, node_id, f"client {node_id}", last_change=change)
    add_round(desk, problem, 1, superseded=True)
    for server_round in (2, 3):
        add_round(desk, problem, server_round, generation=1)
    add_update(desk, problem, 1, 1)
    add_update(desk, problem, 1, 2, generation=1, outcome="late")
    add_update(desk, problem, 1, 3, generation=1)
    add_update(desk, problem, 2, 1)
    add_update(desk, problem, 3, 2, generation=1)
    add_update(desk, problem, 4, 2, generation=1)

    (member,) = desk.problems.members(setter, problem)

    first = {one.node_id: one.first_round for one in member.clients}
    assert first == {1: 3, 2: 0, 3: 2, 4: 0}


def test_the_page_of_a_problem_says_what_joining_means(
    desk: WebDesk, setter: Actor, holder: Actor
) -> None:
    view = desk.problems.view(holder, desk.published(setter))

    assert (view.owner, view.status, view.rounds) == ("Sara", "ready", 5)
    assert view.model is not None
    assert [layer.parameters for layer in view.model.layers] == [15, 4]
    assert view.leaves is not None
    # 19 numbers of four bytes in four arrays, and what stands before each.
    assert (view.leaves.arrays, view.leaves.bytes_a_round) == (4, 19 * 4 + 4 * 128)
    assert view.leaves.metrics == ("num-examples", "loss", "accuracy")
    assert view.leaves.seen_by == "A single update of yours can be seen by its selector alone."
    assert (view.leaves.rounds, view.leaves.minimum_reports) == (5, 3)
    assert view.may == {Action.SEE_PROBLEM, Action.JOIN}


def test_what_may_be_done_depends_on_who_asks_and_on_the_status(
    desk: WebDesk, setter: Actor
) -> None:
    problem = desk.published(setter)
    member = desk.member("Mia", problem)
    steering = {Action.SEE_MEMBERS, Action.SEE_LOGS, Action.SEE_CHANGES, Action.DECIDE_REQUEST}
    always = {*steering, Action.REVOKE_MEMBER, Action.SEE_PROBLEM, Action.DOWNLOAD_MODEL}

    assert desk.problems.view(setter, problem).may == {
        *always, Action.START, Action.SCALE, Action.ARCHIVE
    }  # fmt: skip
    assert desk.problems.view(member, problem).may == {
        Action.SEE_PROBLEM, Action.DOWNLOAD_MODEL, Action.MAKE_INVITE, Action.LEAVE
    }  # fmt: skip
    desk.set_status(problem, "running")
    assert desk.problems.view(setter, problem).may == {
        *always, Action.PAUSE, Action.STOP, Action.ROLL_BACK, Action.SCALE
    }  # fmt: skip
    draft = desk.finished(setter)
    assert desk.problems.view(setter, draft).may == {
        *always - {Action.DOWNLOAD_MODEL},
        Action.EDIT_PROBLEM, Action.DRY_RUN, Action.PUBLISH, Action.DELETE_DRAFT,
    }  # fmt: skip


def test_rounds_come_oldest_first_and_a_part_at_a_time(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    for server_round in range(1, 8):
        add_round(desk, problem, server_round)
    add_round(desk, problem, 8, superseded=True, rejected=1)
    add_round(desk, desk.published(setter), 1)

    newest = desk.problems.rounds(setter, problem, limit=3)
    assert [row.server_round for row in newest] == [5, 6, 7]
    assert (newest[0].dropped, newest[0].train_metrics) == (1, {"loss": 0.2})
    before = desk.problems.rounds(setter, problem, before=newest[0].row_id)
    assert [row.server_round for row in before] == [1, 2, 3, 4]
    all_of_it = desk.problems.rounds(setter, problem, generation=0)
    assert [row.superseded for row in all_of_it] == [False] * 7 + [True]


def test_evaluations_come_by_round(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    for server_round in (2, 1):
        for source in ("test file", "federated"):
            desk.add(
                EvaluationRow(
                    problem_id=problem,
                    generation=0,
                    server_round=server_round,
                    source=source,
                    metrics={"loss": 0.5},
                    unix_s=0.0,
                )
            )

    found = desk.problems.evaluations(setter, problem)

    assert [(row.server_round, row.source) for row in found] == [
        (1, "federated"), (1, "test file"), (2, "federated"), (2, "test file")
    ]  # fmt: skip


def test_a_part_is_added_up_from_what_became_of_each_update(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    mia, max_ = desk.member("Mia", problem), desk.member("Max", problem)
    for node_id, holder, name in ((11, mia, "ward"), (12, mia, "lab"), (13, max_, "home")):
        add_client(desk, problem, holder, node_id, name)
    add_update(desk, problem, 11, 1)
    add_update(desk, problem, 11, 1, kind="evaluate", size_bytes=10)
    add_update(desk, problem, 11, 2, outcome="rejected", code="not-finite", reason="NaN in dense")
    add_update(desk, problem, 12, 2, weight=60.0)
    add_update(desk, problem, 12, 3, outcome="late", reason="The round was over.")
    add_update(desk, problem, 13, 1, weight=500.0)

    part = desk.memberships.my_part(mia, problem)

    assert (part.rounds, part.counted, part.rejected, part.examples) == (4, 2, 1, 100.0)
    assert part.size_bytes == 4010
    assert {(one.outcome, one.count) for one in part.reasons} == {("rejected", 1), ("late", 1)}
    assert [(one.client, one.server_round) for one in part.updates][:2] == [("lab", 3), ("lab", 2)]
    ward, lab = sorted(desk.memberships.clients(mia, problem), key=lambda one: one.node_id)
    assert (ward.name, ward.state, ward.since_unix_s, ward.counted) == ("ward", "connected", 7.0, 1)
    assert (lab.examples, lab.reasons[0].reason) == (60.0, "The round was over.")
    members = {one.membership.name: one for one in desk.problems.members(setter, problem)}
    assert [client.name for client in members["Mia"].clients] == ["lab", "ward"]
    assert members["Max"].clients[0].examples == 500.0
    updates = desk.problems.updates(setter, problem, 2)
    assert [(one.client, one.member, one.outcome) for one in updates] == [
        ("lab", "Mia", "counted"), ("ward", "Mia", "rejected")
    ]  # fmt: skip


def test_a_completed_rounds_model_is_had_as_keras_file(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    member = desk.member("Mia", problem)
    folder, out = desk.folder(problem), desk.place / "out.keras"
    with pytest.raises(CheckpointError, match="no completed round yet"):
        desk.problems.export_model(member, problem, out)
    for server_round in (1, 2):
        save_checkpoint(folder, server_round, shift=float(server_round))

    assert desk.problems.export_model(member, problem, out, 1) == 1
    before, after = read_weights(folder.model_path()), read_weights(out)
    assert all(np.array_equal(after[name], before[name] + 1) for name in before)
    assert desk.problems.export_model(member, problem, out) == 2
    with pytest.raises(CheckpointError, match="that are kept: 1, 2"):
        desk.problems.export_model(member, problem, out, 7)


def test_servers_and_the_ends_of_their_logs(desk: WebDesk, setter: Actor) -> None:
    problem = desk.published(setter)
    for name in ("selector-10", "selector-2", "coordinator"):
        desk.add(ServerRow(problem_id=problem, name=name, state="running", since_unix_s=1.0))
    logs = desk.folder(problem).logs
    logs.mkdir()
    (logs / "selector-2.log").write_text("one\ntwo\nthree\n")

    names = [server.name for server in desk.problems.servers(setter, problem)]
    assert names == ["coordinator", "selector-2", "selector-10"]
    assert desk.problems.logs(setter, problem, "selector-2", 2) == "two\nthree\n"
    assert desk.problems.logs(setter, problem, "coordinator") == ""
    admin = desk.person("Ada", Role.ADMIN)
    assert len(desk.problems.servers(admin)) == 3
    for name in ("selector-3", "../keys/invite", "operator"):
        with pytest.raises(NotFoundError):
            desk.problems.logs(setter, problem, name)


@pytest.mark.parametrize("problem_id", ["", "nothing", "../../etc", "f" * 12])
def test_there_is_no_problem_of_another_name(desk: WebDesk, setter: Actor, problem_id: str) -> None:
    with pytest.raises(NotFoundError):
        desk.problems.view(setter, problem_id)
