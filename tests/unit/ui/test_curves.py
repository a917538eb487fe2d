"""Curves and charts."""

from __future__ import annotations

import math

import pytest

from fedota_server.webserver.views import EvaluationView, RoundView
from ui.parts.charts import durations, learning_curve, participation, traffic
from ui.parts.curves import POINTS_MAX, curve_points, metric_names, metric_title, thinned


def _evaluation(server_round: int, loss: float, **more: object) -> EvaluationView:
    values: dict[str, object] = {
        "generation": 0,
        "source": "federated",
        "metrics": {"accuracy": 0.5, "loss": loss},
        "clients": 3,
        "weight": 30.0,
        "superseded": False,
        "unix_s": 0.0,
        **more,
    }
    return EvaluationView(server_round=server_round, **values)  # type: ignore[arg-type]


def _round(row_id: int, **more: object) -> RoundView:
    values: dict[str, object] = {
        "generation": 0,
        "server_round": row_id,
        "attempt": 1,
        "completed": True,
        "superseded": False,
        "reason": "",
        "abandoned_in": "",
        "admitted": 6,
        "reported": 3,
        "failed": 1,
        "rejected": 1,
        "weight": 300.0,
        "train_metrics": {},
        "stage_s": {"selection": 1.0, "reporting": 20.0},
        "received_bytes": 3_000_000,
        "sent_bytes": 6_000_000,
        "ended_unix_s": 0.0,
        **more,
    }
    return RoundView(row_id=row_id, **values)  # type: ignore[arg-type]


def test_a_long_curve_keeps_its_ends_and_its_peaks() -> None:
    values = [math.sin(place) for place in range(10_000)]
    values[4321], values[7777] = 9.0, -9.0
    chosen = thinned(values)
    assert len(chosen) <= POINTS_MAX
    assert chosen == sorted(set(chosen))
    assert {0, 4321, 7777, 9999} <= set(chosen)


def test_a_short_curve_stays_whole() -> None:
    assert thinned([1.0, 2.0, 3.0]) == [0, 1, 2]


def test_what_a_roll_back_left_is_a_line_of_its_own() -> None:
    found = curve_points(
        [
            _evaluation(1, 0.9),
            _evaluation(2, 0.8, superseded=True),
            _evaluation(2, 0.7, generation=1),
            _evaluation(2, 0.6, generation=1, source="test file"),
        ],
        "loss",
    )
    lines = {point.line for point in found}
    assert len(lines) == 3
    counting = [p.value for p in found if not p.superseded and p.source == "held-out data"]
    assert counting == [0.9, 0.7]


def test_the_loss_comes_first() -> None:
    evaluations = [_evaluation(1, 0.5)]
    assert metric_names(evaluations) == ["loss", "accuracy"]
    assert [metric_title(name) for name in ("loss", "auc", "mean_error")] == [
        "Loss",
        "AUC",
        "Mean error",
    ]


def test_the_learning_curve_has_a_colour_for_each_source() -> None:
    chart = learning_curve(
        [_evaluation(1, 0.9), _evaluation(1, 0.8, source="test file")], "loss"
    ).to_dict()
    scale = chart["layer"][0]["encoding"]["color"]["scale"]
    assert scale["domain"] == ["held-out data", "test file"]
    assert len(set(scale["range"])) == 2


def _bars(chart: dict[str, object]) -> dict[str, float]:
    (rows,) = chart["datasets"].values()  # type: ignore[attr-defined]
    return {row["part"]: row["value"] for row in rows}


def test_participation_adds_up_to_the_admitted() -> None:
    bars = _bars(participation([_round(1)]).to_dict())
    assert bars == {"counted": 3.0, "rejected": 1.0, "failed": 1.0, "dropped": 1.0}


def test_durations_are_split_by_stage_and_traffic_has_a_unit() -> None:
    assert _bars(durations([_round(1)]).to_dict()) == {"selection": 1.0, "reporting": 20.0}
    chart = traffic([_round(1)]).to_dict()
    assert _bars(chart) == {"received": 3.0, "sent": 6.0}
    assert chart["encoding"]["y"]["title"] == "MB"


@pytest.mark.parametrize("chart", [participation, durations, traffic])
def test_without_rounds_there_is_an_empty_chart(chart) -> None:  # type: ignore[no-untyped-def]
    assert chart([]).to_dict()["mark"]["type"] == "bar"
