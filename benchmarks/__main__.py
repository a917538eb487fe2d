"""`make bench`: measure what Fedota must reach, print a table, write build/bench/summary.json.

Both sides of every ratio run in the same bench, over loopback, on the same app; ours with TLS.
``python -m benchmarks KEY…`` measures some rows alone and keeps the other rows of the file.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import aggregation, data, selector
from benchmarks.door import door
from benchmarks.ours import coordinator_start_s, run_ours
from benchmarks.pages import NAMES, page_s
from benchmarks.stock_flower import AppRun, run_stock

SUMMARY = Path("build/bench/summary.json")
FIFTY_MB = selector.FIFTY_MB
BUDGET_MB = 256 * (1 << 20) / 1e6
MODEL_MB = FIFTY_MB * 4 / 1e6


@cache
def stock(elements: int) -> AppRun:
    """Run the app on stock Flower, once in a bench."""
    return run_stock(elements=elements, rounds=3)


@cache
def ours(elements: int, nodes: int, rounds: int) -> AppRun:
    """Run the app on Fedota, once in a bench."""
    return run_ours(elements=elements, nodes=nodes, rounds=rounds)


@cache
def uploads() -> tuple[float, float]:
    """Measure a selector's memory under 64 uploads, once in a bench."""
    return asyncio.run(selector.upload_peak_mb())


def _ingest_ratio() -> float:
    # The machine is noisy: the best of three of each, taken in turn.
    pairs = [
        (asyncio.run(selector.intake_bytes_s()), asyncio.run(selector.bare_bytes_s()))
        for _ in range(3)
    ]
    return max(intake for intake, _ in pairs) / max(bare for _, bare in pairs)


async def _start_s() -> float:
    async with door() as opened:
        selector_s = opened.start_s
    return max(selector_s, await coordinator_start_s())


@dataclass(frozen=True)
class Row:
    """One figure: how it is measured, and the bound that it must keep."""

    key: str
    what: str
    measure: Callable[[], float]
    bound: Callable[[], float]
    at_least: bool


def _fixed(value: float) -> Callable[[], float]:
    return lambda: value


ROWS = (
    Row(
        "tiny_round_ratio",
        "stock Flower's time a round over ours, tiny model, 4 clients",
        lambda: stock(1).median_round_s / ours(1, 4, 200).median_round_s,
        _fixed(500),
        True,
    ),
    Row(
        "tiny_round_s_100",
        "seconds a round, tiny model, 100 clients",
        lambda: ours(1, 100, 20).median_round_s,
        _fixed(0.3),
        False,
    ),
    Row(
        "fifty_mb_round_ratio",
        "stock Flower's time a round over ours, 50 MB, 4 clients",
        lambda: stock(FIFTY_MB).median_round_s / ours(FIFTY_MB, 4, 8).median_round_s,
        _fixed(8),
        True,
    ),
    Row(
        "coordinator_rss_ratio",
        "coordinator's peak memory, 64 clients over 4, 50 MB, FedAvg",
        lambda: ours(FIFTY_MB, 64, 3).peak_mb / ours(FIFTY_MB, 4, 8).peak_mb,
        _fixed(1.2),
        False,
    ),
    Row(
        "coordinator_rss_of_flower",
        "coordinator's peak memory over stock ServerApp's, 50 MB, 4 clients",
        lambda: ours(FIFTY_MB, 4, 8).peak_mb / stock(FIFTY_MB).peak_mb,
        _fixed(0.5),
        False,
    ),
    Row(
        "selector_rss_mb_64",
        "selector's peak memory in MB, 64 uploads of 50 MB",
        lambda: uploads()[1],
        lambda: uploads()[0] + 4 * MODEL_MB + BUDGET_MB,
        False,
    ),
    Row(
        "aggregation_gb_s",
        "GB/s from received bytes to running mean, all checks, one core",
        aggregation.aggregation_gb_s,
        _fixed(5),
        True,
    ),
    Row(
        "ingest_ratio",
        "selector's intake over a bare gRPC TLS stream's, 4 clients",
        _ingest_ratio,
        _fixed(0.7),
        True,
    ),
    Row(
        "held_kb",
        "selector's memory per held check-in in kB, 5,000 TLS connections",
        lambda: asyncio.run(selector.held_kb()),
        _fixed(100),
        False,
    ),
    Row(
        "mean_error",
        "mean of 1,000 updates against float64, relative to the largest element",
        aggregation.mean_error,
        _fixed(1e-6),
        False,
    ),
    Row(
        "start_s",
        "seconds until coordinator and selector answer, the slower of both",
        lambda: asyncio.run(_start_s()),
        _fixed(3),
        False,
    ),
    Row(
        "check_ratio",
        "time of `fedota-client check` over pandas' fastest reader's, the same 1 GB file",
        data.check_ratio,
        _fixed(2),
        False,
    ),
    Row(
        "check_rss_mb",
        "peak memory in MB of the check of a 5 GB table",
        data.check_peak_mb,
        _fixed(1_000),
        False,
    ),
    Row(
        "train_rss_mb",
        "memory in MB of training on a 20 GB table beyond that on a small one",
        data.train_growth_mb,
        _fixed(2_000),
        False,
    ),
    *(
        Row(
            f"page_s_{key}",
            f"seconds until a browser shows {name}",
            page_s(key),
            _fixed(2 if key.startswith("arrival_") else 1),
            False,
        )
        for key, name in NAMES.items()
    ),
)


def main() -> int:
    """Measure; returns 0 if every measured row keeps its bound, 1 if not, 2 for an unknown key."""
    wanted = sys.argv[1:]
    known = {row.key for row in ROWS}
    for key in wanted:
        if key not in known:
            sys.stderr.write(
                f"bench: there is no row {key}; there are {', '.join(sorted(known))}\n"
            )
            return 2
    console = Console()
    summary = json.loads(SUMMARY.read_text()) if wanted and SUMMARY.exists() else {}
    table = Table("key", "what", "measured", "bound", "")
    missed = 0
    for row in ROWS:
        if wanted and row.key not in wanted:
            continue
        console.print(f"measuring {row.key}: {row.what}")
        value, bound = row.measure(), row.bound()
        kept = value >= bound if row.at_least else value <= bound
        missed += not kept
        summary[row.key] = value
        if row.key == "selector_rss_mb_64":
            summary["selector_rss_bound_mb"] = bound
        sign = "≥" if row.at_least else "≤"
        verdict = "" if kept else "[red]missed[/red]"
        table.add_row(row.key, row.what, f"{value:.4g}", f"{sign} {bound:.4g}", verdict)
    summary["measured_at"] = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    SUMMARY.parent.mkdir(parents=True, exist_ok=True)
    SUMMARY.write_text(json.dumps(summary, indent=2) + "\n")
    console.print(table)
    console.print(f"{SUMMARY} is written.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
