"""strategies.toml against the installed Flower."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from flwr.serverapp import strategy as flower
from hypothesis import given
from hypothesis import strategies as st

from fedota_proto.strategy_table import (
    SET_BY_FEDOTA,
    ReportsRule,
    StrategyChoice,
    strategy_table,
)

NAMES = (
    "FedAvg",
    "FedAvgM",
    "FedProx",
    "FedAdam",
    "FedAdagrad",
    "FedYogi",
    "QFedAvg",
    "FedMedian",
    "FedTrimmedAvg",
    "Krum",
    "MultiKrum",
    "Bulyan",
)
MEAN = {"FedAvg", "FedProx", "FedAvgM", "FedAdam", "FedAdagrad", "FedYogi"}
ROBUST = {"FedMedian", "FedTrimmedAvg", "Krum", "MultiKrum", "Bulyan"}


def test_lists_every_strategy_of_the_design() -> None:
    assert set(strategy_table()) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_has_flowers_parameters(name: str) -> None:
    signature = inspect.signature(getattr(flower, name).__init__)
    theirs = {
        key: parameter
        for key, parameter in signature.parameters.items()
        if key != "self" and key not in SET_BY_FEDOTA
    }
    ours = strategy_table()[name].parameters
    assert set(ours) == set(theirs)
    for key, spec in ours.items():
        parameter = theirs[key]
        assert parameter.annotation.__name__ == spec.type
        if parameter.default is inspect.Parameter.empty:
            assert spec.default is None
        else:
            assert spec.default == parameter.default
            assert type(spec.default) is type(parameter.default)


def test_what_fedota_sets_is_a_parameter_of_some_strategy() -> None:
    theirs = {key for name in NAMES for key in inspect.signature(getattr(flower, name)).parameters}
    assert set(SET_BY_FEDOTA) <= theirs


@pytest.mark.parametrize("name", NAMES)
def test_is_told_to_a_researcher(name: str) -> None:
    spec = strategy_table()[name]
    assert spec.summary.endswith(".")
    assert "arXiv:" in spec.paper
    assert spec.seen_by
    for parameter in spec.parameters.values():
        assert parameter.explanation.endswith(".")
        assert "\n" not in parameter.explanation
        low = max(parameter.minimum, parameter.above)
        high = min(parameter.maximum, parameter.below)
        assert low < high
        if parameter.default is not None:
            assert parameter.minimum <= parameter.default <= parameter.maximum
            # FedTrimmedAvg, MultiKrum and the like stand at a bound that is included, or inside.
            assert parameter.above < parameter.default < parameter.below


def test_says_how_each_aggregates() -> None:
    table = strategy_table()
    assert {name for name in NAMES if table[name].aggregation == "mean"} == MEAN
    assert {name for name in NAMES if table[name].aggregation == "forwarded"} == {
        "QFedAvg",
        *ROBUST,
    }
    assert {name for name in NAMES if not table[name].averaged_state} == ROBUST
    assert {name for name in NAMES if table[name].needs_loss} == {"QFedAvg"}
    assert {name: table[name].sends_config for name in NAMES if table[name].sends_config} == {
        "FedProx": ("proximal-mu",)
    }


def test_the_keys_that_a_strategy_sends_stand_in_its_source() -> None:
    for name in NAMES:
        source = Path(inspect.getfile(getattr(flower, name))).read_text(encoding="utf-8")
        for key in strategy_table()[name].sends_config:
            assert f'"{key}"' in source


@pytest.mark.parametrize("name", NAMES)
def test_rules_name_parameters_of_their_strategy(name: str) -> None:
    spec = strategy_table()[name]
    for rule in spec.fewest_reports_rules:
        named = {*rule.times, rule.at_least_one_of} - {""}
        assert named
        assert named <= set(spec.parameters)
        assert all(key in rule.text() for key in named)


@pytest.mark.parametrize(
    ("name", "parameters", "fewest"),
    [
        ("FedAvg", {}, 1),
        ("Krum", {"num_malicious_nodes": 2}, 7),
        ("MultiKrum", {"num_malicious_nodes": 2, "num_nodes_to_select": 1}, 7),
        ("MultiKrum", {"num_malicious_nodes": 2, "num_nodes_to_select": 9}, 11),
        ("Bulyan", {"num_malicious_nodes": 2}, 11),
        ("FedTrimmedAvg", {"beta": 0.2}, 5),
        ("FedTrimmedAvg", {"beta": 0.3}, 4),
        ("FedTrimmedAvg", {"beta": 0.49}, 3),
    ],
)
def test_computes_the_fewest_reports(
    name: str, parameters: dict[str, float | int], fewest: int
) -> None:
    assert StrategyChoice(name, parameters).fewest_reports == fewest


@given(st.floats(1e-4, 0.5, exclude_max=True))
def test_the_fewest_reports_are_those_with_which_flower_begins_to_cut(beta: float) -> None:
    fewest = ReportsRule(at_least_one_of="beta").fewest({"beta": beta})
    assert int(beta * fewest) >= 1
    assert fewest == 1 or int(beta * (fewest - 1)) == 0


def test_flower_skips_bulyan_below_the_fewest_and_not_at_it() -> None:
    # The rule is Flower's own: its source says so in these words.
    source = Path(inspect.getfile(flower.Bulyan)).read_text(encoding="utf-8")
    assert "len(valid_replies) < 4 * self.num_malicious_nodes + 3" in source
