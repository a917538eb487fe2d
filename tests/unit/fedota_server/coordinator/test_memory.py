"""Whether a problem's largest round fits, and what is said if it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fedota_proto.errors import ProblemFileError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.problem import Problem, StrategyChoice, parse_problem, strategy_table
from fedota_server.coordinator import memory
from fedota_server.coordinator.memory import check_memory, machine_limit_bytes, memory_need

MANIFEST = Manifest(arrays=(ManifestArray("w", "float32", (12_500_000,)),))
MB = 1_000_000
TOML = """
[problem]
title = "Test"
description = "A test."
model = "model.keras"
[strategy]
name = "FedAvg"
[rounds]
rounds = 3
goal_count = 10
over_selection = 1.3
minimum_reports = 5
selection_timeout_s = 10.0
reporting_deadline_s = 10.0
[training]
local_epochs = 1
batch_size = 8
[data]
kind = "table"
minimum_examples = 2
[[data.columns]]
name = "x"
type = "number"
minimum = 0.0
maximum = 1.0
[[data.columns]]
name = "y"
type = "boolean"
target = true
"""


def problem(name: str) -> Problem:
    return replace(parse_problem(TOML), strategy=StrategyChoice(name, {}))


@pytest.mark.parametrize("name", tuple(strategy_table()))
def test_only_forwarded_strategies_grow_with_the_reports(name: str) -> None:
    need = memory_need(problem(name), MANIFEST)

    forwarded = strategy_table()[name].aggregation == "forwarded"
    assert bool(need.per_report_bytes) == forwarded
    assert need.reports == 13
    assert need.total_bytes == need.fixed_bytes + 13 * need.per_report_bytes


def test_krum_takes_three_models_a_report() -> None:
    assert memory_need(problem("Krum"), MANIFEST).per_report_bytes == 150 * MB


def test_many_small_arrays_are_stacked_one_by_one() -> None:
    manifest = Manifest(
        arrays=tuple(ManifestArray(f"w{i}", "float32", (125_000,)) for i in range(100))
    )

    assert memory_need(problem("FedMedian"), manifest).per_report_bytes == pytest.approx(51.5 * MB)
    assert memory_need(problem("Bulyan"), manifest).per_report_bytes == 150 * MB


@pytest.mark.parametrize("name", ["FedAvg", "Krum"])
def test_what_fits_is_let_through(name: str) -> None:
    need = memory_need(problem(name), MANIFEST)

    assert check_memory(problem(name), MANIFEST, need.total_bytes) == need


def test_too_many_reports_are_refused_with_how_many_fit() -> None:
    need = memory_need(problem("Krum"), MANIFEST)
    limit = need.fixed_bytes + 4 * need.per_report_bytes + 1

    with pytest.raises(ProblemFileError) as caught:
        check_memory(problem("Krum"), MANIFEST, limit)

    message = caught.value.public_message
    assert message.startswith("problem.toml: [rounds] goal_count: Krum must see every update")
    assert "13 of them (goal_count 10 × over_selection 1.3) for a 50.0 MB model" in message
    assert "2.4 GB of memory, and it may use 1.1 GB, enough for 4;" in message
    assert caught.value.mistakes == (message,)


@pytest.mark.parametrize("name", ["FedAdam", "Krum"])
def test_a_model_too_large_for_one_report_is_refused(name: str) -> None:
    with pytest.raises(ProblemFileError, match=r"\[problem\] model: .*take a smaller model"):
        check_memory(problem(name), MANIFEST, 200 * MB)


def test_the_machine_has_memory_and_a_container_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("cgroup")
    unlimited, limited = folder / "memory.max", folder / "limit"
    unlimited.write_text("max\n")
    limited.write_text("123456789\n")
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (unlimited, folder / "none"))
    machine = machine_limit_bytes()
    monkeypatch.setattr(memory, "_CGROUP_LIMITS", (unlimited, limited))

    assert machine > 200 * MB
    assert machine_limit_bytes() == 123456789
