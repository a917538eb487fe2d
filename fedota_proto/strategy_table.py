"""The strategies that a problem may name, read from strategies.toml; knows no Flower."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal

from fedota_proto.toml_reader import TableReader, nearest, shown

# Constructor parameters of Flower's strategies that Fedota sets itself, with what to tell a setter.
_ROUND_RULES = "the [rounds] section says who takes part"
_FIXED = "Fedota fixes the names of records and metrics"
_CODE = "a problem holds settings and never code"
SET_BY_FEDOTA: Mapping[str, str] = MappingProxyType(
    {
        "fraction_train": _ROUND_RULES,
        "fraction_evaluate": _ROUND_RULES,
        "min_train_nodes": _ROUND_RULES,
        "min_evaluate_nodes": _ROUND_RULES,
        "min_available_nodes": _ROUND_RULES,
        "weighted_by_key": _FIXED,
        "arrayrecord_key": _FIXED,
        "configrecord_key": _FIXED,
        "train_loss_key": _FIXED,
        "train_metrics_aggr_fn": _CODE,
        "evaluate_metrics_aggr_fn": _CODE,
        "selection_rule": _CODE,
    }
)


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """One parameter of a strategy.

    Parameters
    ----------
    name
        Keyword of Flower's constructor.
    type
        ``float`` or ``int``.
    explanation
        One sentence for a researcher.
    default
        None: must be given.
    minimum, maximum
        Bounds, included.
    above, below
        Bounds, excluded.
    """

    name: str
    type: Literal["float", "int"]
    explanation: str
    default: float | int | None = None
    minimum: float = -math.inf
    maximum: float = math.inf
    above: float = -math.inf
    below: float = math.inf


@dataclass(frozen=True, slots=True)
class ReportsRule:
    """A bound on the minimum reports that follows from a strategy's parameters.

    Either ``constant + Σ times[p] × parameters[p]``, or, where `at_least_one_of` names a
    parameter, the fewest reports of which that share is at least one.
    """

    constant: int = 0
    times: Mapping[str, int] = field(default_factory=dict)
    at_least_one_of: str = ""

    def fewest(self, parameters: Mapping[str, float | int]) -> int:
        """Return the fewest reports that keep this rule."""
        if self.at_least_one_of:
            share = float(parameters[self.at_least_one_of])
            fewest = max(1, math.floor(1 / share))
            # Flower cuts int(share × reports), in floating point: so do we.
            while share * fewest < 1.0:
                fewest += 1
            return fewest
        return self.constant + sum(
            factor * int(parameters[name]) for name, factor in self.times.items()
        )

    def text(self) -> str:
        """Write the rule as a formula."""
        if self.at_least_one_of:
            return f"{self.at_least_one_of} × minimum_reports ≥ 1"
        terms = [
            name if factor == 1 else f"{factor} × {name}" for name, factor in self.times.items()
        ]
        if self.constant:
            terms.append(str(self.constant))
        return "minimum_reports ≥ " + " + ".join(terms)


@dataclass(frozen=True, slots=True)
class StrategySpec:
    """What is known of a strategy before it is built.

    Parameters
    ----------
    name
        Class in ``flwr.serverapp.strategy``.
    summary, paper
        For people.
    aggregation
        ``mean`` (selectors keep running means) or ``forwarded`` (they pass each update on).
    needs_loss
        Whether each update must bring a training loss ≥ 0.
    sends_config
        Keys that the strategy adds to a training task's configuration.
    averaged_state
        Whether non-trainable variables are averaged beside the strategy.
    seen_by
        Who can see a single update, for the sentence "Your update can be seen by …".
    parameters
        By name, in the table's order.
    fewest_reports_rules
        All must hold.
    """

    name: str
    summary: str
    paper: str
    aggregation: Literal["mean", "forwarded"]
    needs_loss: bool
    sends_config: tuple[str, ...]
    averaged_state: bool
    seen_by: str
    parameters: Mapping[str, ParameterSpec]
    fewest_reports_rules: tuple[ReportsRule, ...]

    def fewest_reports(self, parameters: Mapping[str, float | int]) -> int:
        """Return the fewest reports with which this strategy can aggregate.

        Parameters
        ----------
        parameters
            All parameters, defaults filled in.

        Returns
        -------
        int
            At least 1.
        """
        return max([1, *(rule.fewest(parameters) for rule in self.fewest_reports_rules)])


@dataclass(frozen=True, slots=True)
class StrategyChoice:
    """A strategy as a problem names it, defaults filled in.

    Parameters
    ----------
    name
        Key of `strategy_table`.
    parameters
        Every parameter of the strategy, by the keyword of Flower's constructor.
    """

    name: str
    parameters: dict[str, float | int]

    @property
    def spec(self) -> StrategySpec:
        """What the table says of this strategy."""
        return strategy_table()[self.name]

    @property
    def fewest_reports(self) -> int:
        """The fewest reports with which it can aggregate under these parameters."""
        return self.spec.fewest_reports(self.parameters)


@cache
def strategy_table() -> Mapping[str, StrategySpec]:
    """Return every strategy by name, in the order of strategies.toml.

    Returns
    -------
    Mapping
        Read-only.
    """
    text = files("fedota_proto").joinpath("strategies.toml").read_text(encoding="utf-8")
    return MappingProxyType(
        {name: _read_spec(name, entry) for name, entry in tomllib.loads(text).items()}
    )


def _read_spec(name: str, entry: Mapping[str, Any]) -> StrategySpec:
    rules = tuple(
        ReportsRule(
            constant=rule.get("constant", 0),
            times=rule.get("times", {}),
            at_least_one_of=rule.get("at_least_one_of", ""),
        )
        for rule in entry.get("fewest_reports", [])
    )
    parameters = {
        key: ParameterSpec(name=key, **fields)
        for key, fields in entry.get("parameters", {}).items()
    }
    mean = entry["aggregation"] == "mean"
    return StrategySpec(
        name=name,
        summary=entry["summary"],
        paper=entry["paper"],
        aggregation=entry["aggregation"],
        needs_loss=entry.get("needs_loss", False),
        sends_config=tuple(entry.get("sends_config", [])),
        averaged_state=entry.get("averaged_state", mean),
        seen_by=entry["seen_by"],
        parameters=MappingProxyType(parameters),
        fewest_reports_rules=rules,
    )


def read_strategy(reader: TableReader, minimum_reports: int | None) -> StrategyChoice:
    """Read the section ``[strategy]``; mistakes are noted in `reader`.

    Parameters
    ----------
    reader
        The section.
    minimum_reports
        Of the section ``[rounds]``, None if that is wrong itself.

    Returns
    -------
    StrategyChoice
        With defaults filled in; not to be used if there was a mistake.
    """
    table = strategy_table()
    name = reader.choice("name", table)
    if name not in table:
        reader.finish(judge_unknown=False)
        return StrategyChoice(name, {})
    spec = table[name]
    parameters = {key: _read_parameter(reader, one) for key, one in spec.parameters.items()}
    reader.finish(_elsewhere(spec))
    if minimum_reports is None or not reader.fine(*spec.parameters):
        return StrategyChoice(name, parameters)
    for rule in spec.fewest_reports_rules:
        fewest = rule.fewest(parameters)
        if minimum_reports < fewest:
            reader.wrong(
                "name",
                f"{name} with these parameters needs at least {fewest} reports "
                f"({rule.text()}), but [rounds] minimum_reports is {minimum_reports}; "
                "raise minimum_reports or change the parameters",
            )
    return StrategyChoice(name, parameters)


def _read_parameter(reader: TableReader, spec: ParameterSpec) -> float | int:
    if spec.type == "int":
        return reader.integer(
            spec.name,
            minimum=int(spec.minimum),
            maximum=int(spec.maximum),
            default=None if spec.default is None else int(spec.default),
        )
    return reader.number(
        spec.name,
        minimum=spec.minimum,
        maximum=spec.maximum,
        above=spec.above,
        below=spec.below,
        default=spec.default,
    )


def _elsewhere(spec: StrategySpec) -> dict[str, str]:
    said = {name: f"{reason}; leave it out" for name, reason in SET_BY_FEDOTA.items()}
    for other in strategy_table().values():
        for name in other.parameters:
            if name not in spec.parameters and not nearest(name, spec.parameters):
                said[name] = f"{spec.name} has no such parameter ({shown(other.name)} has)"
    return said
