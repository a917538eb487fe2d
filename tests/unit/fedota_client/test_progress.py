"""What the owner sees, in lines and in the live display."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from fedota_client.progress import (
    PlainDisplay,
    RichDisplay,
    clock_words,
    outcome_words,
    progress_words,
    task_words,
)
from fedota_client.worker_handle import Progress
from fedota_proto.v1 import fl_records_pb2 as records_pb
from fedota_proto.v1 import fl_round_pb2 as pb


def clock(stage: str, server_round: int = 3, **more: int) -> pb.Clock:
    key = records_pb.RoundKey(generation=1, server_round=server_round, attempt=1)
    return pb.Clock(round=key, stage=stage, rounds=20, **more)


def outcome(kind: pb.OutcomeKind.ValueType, reason: str = "") -> pb.Outcome:
    key = records_pb.RoundKey(generation=1, server_round=3, attempt=1)
    return pb.Outcome(
        task_id=1, round=key, message_type="train", kind=kind, weight=120, reason=reason
    )


def test_words() -> None:
    assert task_words("train", 3) == "round 3: training"
    assert task_words("evaluate", 3) == "round 3: evaluating"
    assert task_words("query.size", 0) == "“query.size”"
    assert clock_words(pb.Clock()) == ""
    assert clock_words(clock("reporting", reported=2, goal=4, cohort=5)) == (
        "round 3 of 20: clients train and report, 2 of 4 reported"
    )
    assert clock_words(clock("waiting", waiting=1, minimum=3)) == (
        "round 3 of 20: waiting for data holders, 1 waiting, 3 needed"
    )
    assert progress_words(Progress(2, 5, 3, 8, 0.123456)) == (
        "epoch 2 of 5, batch 3 of 8, loss 0.1235"
    )
    assert progress_words(Progress(0, 0, 0, 0, float("nan"))) == ""


@pytest.mark.parametrize(
    ("kind", "reason", "words"),
    [
        (pb.COUNTED, "", "round 3: training counted (weight 120)"),
        (pb.LATE, "", "round 3: training came too late"),
        (pb.REJECTED, "It is NaN.", "round 3: training rejected: It is NaN."),
    ],
)
def test_outcomes(kind: pb.OutcomeKind.ValueType, reason: str, words: str) -> None:
    assert outcome_words(outcome(kind, reason=reason)) == words


def test_an_outcome_of_a_task_that_nobody_knows_any_more() -> None:
    void = pb.Outcome(task_id=1, kind=pb.ROUND_ABANDONED, reason="The coordinator began anew.")
    assert outcome_words(void) == (
        "an update not counted, since the round was abandoned: The coordinator began anew."
    )


def test_plain_lines_tell_each_change_once() -> None:
    lines: list[str] = []
    with PlainDisplay(lines.append) as display:
        display.connection("Connected to the selector at a:1.")
        display.connection("Connected to the selector at a:1.")
        display.clock(clock("selection", waiting=1, minimum=3))
        display.clock(clock("selection", waiting=2, minimum=3))
        display.clock(clock("reporting"))
        display.task("train", 3)
        display.progress(Progress(1, 2, 1, 4, 0.5))
        display.progress(Progress(1, 2, 4, 4, 0.4))
        display.progress(Progress(2, 2, 4, 4, 0.3))
        display.idle()
        display.outcome(outcome(pb.COUNTED))
    assert lines == [
        "Connected to the selector at a:1.",
        "round 3 of 20: selecting clients, 1 waiting, 3 needed",
        "round 3: training",
        "round 3: training, epoch 1 of 2, batch 1 of 4, loss 0.5000",
        "round 3: training, epoch 2 of 2, batch 4 of 4, loss 0.3000",
        "round 3: training counted (weight 120)",
    ]


def test_a_failure_is_told_once_until_the_connection_is_good_again() -> None:
    lines: list[str] = []
    display = PlainDisplay(lines.append)
    for _ in range(2):
        display.connection("Connected.", good=True)
        for _ in range(3):
            display.connection("A does not answer.")
            display.connection("B does not answer.")
    assert lines == ["Connected.", "A does not answer.", "B does not answer."] * 2


def test_of_fast_tasks_one_a_second_is_told_and_every_outcome_that_matters() -> None:
    lines: list[str] = []
    now_s = [0.0]
    display = PlainDisplay(lines.append, clock=lambda: now_s[0])
    for server_round, kind in enumerate([pb.COUNTED] * 30 + [pb.LATE], start=1):
        display.clock(clock("selection", server_round, waiting=1, minimum=3))
        display.task("train", server_round)
        told = outcome(kind)
        told.round.server_round = server_round
        display.outcome(told)
        now_s[0] += 0.0625
    assert lines == [
        "round 1 of 20: selecting clients, 1 waiting, 3 needed",
        "round 1: training",
        "round 1: training counted (weight 120)",
        "round 17 of 20: selecting clients, 1 waiting, 3 needed",
        "round 17: training",
        "round 17: training counted (weight 120)",
        "round 31: training came too late",
    ]


def test_a_slow_task_is_told_by_its_epochs_even_after_a_fast_one() -> None:
    lines: list[str] = []
    display = PlainDisplay(lines.append, clock=lambda: 0.0)
    display.task("evaluate", 2)
    display.task("train", 3)
    display.progress(Progress(1, 2, 1, 4, 0.5))
    display.outcome(outcome(pb.COUNTED))
    assert lines == [
        "round 2: evaluating",
        "round 3: training, epoch 1 of 2, batch 1 of 4, loss 0.5000",
        "round 3: training counted (weight 120)",
    ]


def test_the_live_display_shows_round_clock_epoch_and_loss() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    display = RichDisplay(console, "Tumours [bold]")
    display.connection("Connected to the selector at a:1.")
    display.clock(clock("reporting", reported=1, goal=4))
    display.task("train", 3)
    display.progress(Progress(2, 5, 3, 8, 0.25))
    display.outcome(outcome(pb.COUNTED))
    with console.capture() as capture:
        console.print(display._render())
    text = capture.get()
    for part in (
        "Tumours [bold]",
        "Connected to the selector",
        "clients train and report, 1 of 4 reported",
        "epoch 2 of 5, batch 3 of 8, loss 0.2500",
        "training counted",
    ):
        assert part in text
    display.idle()
    with console.capture() as capture:
        console.print(display._render())
    assert "epoch" not in capture.get()


def test_the_live_display_keeps_notes_and_bad_outcomes_above() -> None:
    file = io.StringIO()
    with RichDisplay(Console(file=file, force_terminal=True, width=100), "Tumours") as display:
        display.note("A [note].")
        display.outcome(outcome(pb.LATE))
    assert "A [note]." in file.getvalue()
    assert "came too late" in file.getvalue()
