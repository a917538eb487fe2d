"""What a service's tasks mean: crashes are the supervisor's, moves are Swarm's."""

from __future__ import annotations

from typing import Any

import pytest

from fedota_server.spawners.swarm_tasks import Life, TaskState, standing, task_state


def task(number: int, state: str, desired: str = "running", **more: Any) -> TaskState:
    return TaskState(f"t{number}", more.pop("node", "n1"), state, desired, f"{number}", **more)


def test_a_service_without_tasks_waits_for_its_first() -> None:
    assert standing([]).life is Life.WAITING


@pytest.mark.parametrize("state", ["new", "pending", "assigned", "preparing", "starting"])
def test_a_task_that_does_not_run_yet_waits(state: str) -> None:
    assert standing([task(1, state)]).life is Life.WAITING


def test_a_running_task_runs() -> None:
    found = standing([task(1, "running")])
    assert found.life is Life.RUNNING
    assert found.task is not None
    assert found.task.id == "t1"


@pytest.mark.parametrize(
    ("state", "code", "told"),
    [
        ("complete", 0, 0),
        ("failed", 3, 3),
        ("failed", -9, -9),
        ("failed", None, 1),  # its container could not be made
        ("rejected", None, 1),
        ("rejected", 0, 1),
        ("shutdown", 0, 0),
    ],
)
def test_a_task_that_is_over_tells_how(state: str, code: int | None, told: int) -> None:
    found = standing([task(1, state, "shutdown", exit_code=code)])
    assert (found.life, found.exit_code) == (Life.ENDED, told)


def test_one_that_ended_by_itself_has_ended_though_swarm_has_another_ready() -> None:
    tasks = [task(1, "failed", "shutdown", exit_code=3), task(2, "ready", "ready")]
    for given in (tasks, tasks[::-1]):
        found = standing(given)
        assert (found.life, found.exit_code) == (Life.ENDED, 3)


def test_what_swarm_started_while_nobody_looked_is_the_server() -> None:
    found = standing([task(1, "failed", "shutdown", exit_code=3), task(2, "running")])
    assert found.life is Life.RUNNING


@pytest.mark.parametrize("state", ["running", "shutdown", "orphaned"])
def test_one_whose_node_went_away_or_is_drained_is_moved(state: str) -> None:
    old = task(1, state, "shutdown")
    assert standing([old, task(2, "ready", "ready")]).life is Life.WAITING
    assert standing([old, task(2, "preparing", node="n2")]).life is Life.WAITING
    moved = standing([old, task(2, "running", node="n2")])
    assert moved.life is Life.RUNNING
    assert moved.task is not None
    assert moved.task.node == "n2"


def test_a_move_that_no_node_takes_waits_and_says_why() -> None:
    found = standing([task(1, "running", "shutdown"), task(2, "pending", said="no suitable node")])
    assert (found.life, found.said) == (Life.WAITING, "no suitable node")


def test_a_move_that_fails_on_its_new_node_has_ended() -> None:
    tasks = [
        task(1, "running", "shutdown"),
        task(2, "rejected", "shutdown", said="bind source path does not exist"),
        task(3, "ready", "ready"),
    ]
    found = standing(tasks)
    assert (found.life, found.exit_code) == (Life.ENDED, 1)
    assert found.said == "bind source path does not exist"


def answer(**status: Any) -> dict[str, Any]:
    return {
        "ID": "t1",
        "NodeID": "n1",
        "DesiredState": "shutdown",
        "CreatedAt": "2026-11-24T13:49:29.5Z",
        "Status": status,
    }


def test_an_answer_of_the_engine_is_read() -> None:
    found = task_state(
        answer(State="failed", Err="task: non-zero exit (137)", ContainerStatus={"ExitCode": 137})
    )
    assert found.exit_code == -9
    assert found.said == "task: non-zero exit (137)"
    assert found.over


def test_a_task_that_still_runs_has_no_exit_code() -> None:
    assert task_state(answer(State="running", ContainerStatus={"ExitCode": 0})).exit_code is None


def test_moments_compare_though_the_engine_leaves_out_zeros() -> None:
    one, other = answer(State="new"), answer(State="new")
    other["CreatedAt"] = "2026-11-24T13:49:29.51Z"
    assert task_state(one).created < task_state(other).created
    one["CreatedAt"] = "2026-11-24T13:49:29Z"
    assert task_state(one).created < task_state(other).created
