"""What a round takes of the coordinator's memory, known before a problem starts."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fedota_proto.errors import ProblemFileError
from fedota_proto.manifest import ITEM_BYTES, Manifest
from fedota_proto.problem import Problem

# The process with grpc, Flower and numpy in it, before any model.
BASE_BYTES = 160 << 20
# The global model, the content that is sent, and the checkpoint that is written.
KEPT_MODELS = 3

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


@dataclass(frozen=True, slots=True)
class _Model:
    """Sizes that the costs depend on, in bytes."""

    size: float
    largest: float
    item: float


# Models that a strategy's aggregation holds at its peak, whatever the reports: arrays, moments,
# their copies, and what FedAdam computes in float64. Measured in Flower 1.41, and by a test.
_FIXED_MODELS = {
    "FedAvg": 5.0,
    "FedProx": 5.0,
    "FedAvgM": 10.0,
    "FedAdam": 23.0,
    "FedAdagrad": 14.0,
    "FedYogi": 14.0,
    "QFedAvg": 17.0,
    "FedMedian": 4.0,
    "FedTrimmedAvg": 4.0,
    "Krum": 3.0,
    "MultiKrum": 3.0,
    "Bulyan": 5.0,
}


def _one_copy(model: _Model) -> float:
    return model.size


def _arrays_stacked(model: _Model) -> float:
    """Array by array: the values of all reports, stacked, and partitioned."""
    return model.size + 3 * model.largest


def _models_stacked(model: _Model) -> float:
    """The values of all reports, flattened and stacked, and their squares."""
    return 3 * model.size


def _chosen_and_stacked(model: _Model) -> float:
    """Krum's choice; then array by array values, distances, and int64 indices of the nearest."""
    by_array = 2 * model.size + (4 + 8 / model.item) * model.largest
    return max(_models_stacked(model), by_array)


_PER_REPORT: dict[str, Callable[[_Model], float]] = {
    "QFedAvg": _one_copy,
    "FedMedian": _arrays_stacked,
    "FedTrimmedAvg": _arrays_stacked,
    "Krum": _models_stacked,
    "MultiKrum": _models_stacked,
    "Bulyan": _chosen_and_stacked,
}


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """The peak of a coordinator's memory.

    Parameters
    ----------
    fixed_bytes
        Whatever the reports.
    per_report_bytes
        For each report that is held at once; 0 where selectors average.
    reports
        Most reports of a round.
    """

    fixed_bytes: int
    per_report_bytes: int
    reports: int

    @property
    def total_bytes(self) -> int:
        """The peak, in bytes."""
        return self.fixed_bytes + self.per_report_bytes * self.reports


def memory_need(problem: Problem, manifest: Manifest) -> MemoryNeed:
    """Compute what a problem's largest round takes.

    Parameters
    ----------
    problem
        Its strategy and round rules: every admitted client may report.
    manifest
        Its arrays.

    Returns
    -------
    MemoryNeed
        An upper bound for models of any number of arrays.
    """
    name = problem.strategy.name
    model = _Model(
        size=manifest.size_bytes,
        largest=max(array.size_bytes for array in manifest.arrays),
        item=min(ITEM_BYTES[array.dtype] for array in manifest.arrays),
    )
    per_report = _PER_REPORT[name](model) if name in _PER_REPORT else 0
    return MemoryNeed(
        fixed_bytes=BASE_BYTES + int((KEPT_MODELS + _FIXED_MODELS[name]) * model.size),
        per_report_bytes=int(per_report),
        reports=problem.rounds.admitted_max,
    )


def check_memory(problem: Problem, manifest: Manifest, limit_bytes: int) -> MemoryNeed:
    """Refuse a problem whose largest round would not fit into the coordinator's memory.

    Parameters
    ----------
    problem, manifest
        As in `memory_need`.
    limit_bytes
        What the coordinator may use.

    Returns
    -------
    MemoryNeed
        What it needs.

    Raises
    ------
    ProblemFileError
        In one sentence: how much is needed, how much there is, and what to change.
    """
    need = memory_need(problem, manifest)
    if need.total_bytes <= limit_bytes:
        return need
    name, size = problem.strategy.name, _text(manifest.size_bytes)
    has = f"about {_text(need.total_bytes)} of memory, and it may use {_text(limit_bytes)}"
    raise_limit = "raise FEDOTA_COORDINATOR_MEMORY_LIMIT_BYTES"
    if not need.per_report_bytes or need.fixed_bytes + need.per_report_bytes > limit_bytes:
        message = (
            f"problem.toml: [problem] model: with {name} the coordinator of a {size} model needs "
            f"{has}; take a smaller model or {raise_limit}."
        )
    else:
        fit = (limit_bytes - need.fixed_bytes) // need.per_report_bytes
        rules = problem.rounds
        message = (
            f"problem.toml: [rounds] goal_count: {name} must see every update, and {need.reports} "
            f"of them (goal_count {rules.goal_count} × over_selection {rules.over_selection:g}) "
            f"for a {size} model take the coordinator {has}, enough for {fit}; lower goal_count "
            f"or over_selection, choose a strategy that averages, or {raise_limit}."
        )
    raise ProblemFileError(message, (message,))


def machine_limit_bytes() -> int:
    """Find how much memory this process may use: the machine's, or less in a container.

    Returns
    -------
    int
        Bytes.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in _CGROUP_LIMITS:
        try:
            text = path.read_text(encoding="ascii").strip()
        except OSError:
            continue
        if text.isdigit():
            limit = min(limit, int(text))
    return limit


def _text(size_bytes: int) -> str:
    return f"{size_bytes / 1e9:.1f} GB" if size_bytes >= 1e9 else f"{size_bytes / 1e6:.1f} MB"
