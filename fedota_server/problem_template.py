"""A first problem.toml, commented, from a sample of the data."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence

from fedota_proto.errors import DataError, UsageError
from fedota_proto.strategy_table import strategy_table
from fedota_proto.toml_reader import nearest
from fedota_server.table_sketch import ColumnSketch

_HEAD = """\
# A Fedota problem: what is learnt, from which data, in which rounds.
# Check it with `fedota problem check DIR`; that reports every mistake at once.

[problem]
title = {title}
description = ""                # what the model is for; data holders read it before they agree
model = {model}

[strategy]
# {strategies}
name = "FedAvg"                 # the mean of the holders' models, weighted by their examples

[rounds]
rounds = 20                     # server rounds to complete
goal_count = 3                  # reports wanted in a round
over_selection = 1.3            # up to goal_count × this are asked, since some drop out
minimum_reports = 3             # fewest reports with which a round may complete, at least 2
selection_timeout_s = 60        # then a round begins with those who wait, if they are the minimum
settle_s = 1.0                  # with the goal waiting: begin when nobody came for that long
reporting_deadline_s = 600      # how long holders may train in a round
evaluation_deadline_s = 600     # how long they may evaluate after it
abandoned_attempts_max = 5      # attempts in a row that fail after selection; then it all stops

[training]
local_epochs = 1                # passes over each holder's data in a round
batch_size = 32
holdout_fraction = 0.2          # share of each holder's data that is never trained on
seed = 0

[data]
kind = "table"                  # comma-separated files whose first row names the columns
minimum_examples = 10           # a holder with fewer rows cannot take part

# The columns found in {sample}, in order; the model gets all but the target as
# one input (batch, columns). The ranges are the sample's, rounded outwards: widen them to what is
# possible at any holder, since a value outside is refused. Add a unit = "…" where there is one.
"""


def _quoted(text: str) -> str:
    """Quote a text by JSON's rules, which TOML's basic strings share but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def choose_target(columns: Sequence[ColumnSketch], target: str = "") -> str:
    """Choose the column that the model predicts.

    Parameters
    ----------
    columns
        As found in the sample.
    target
        Its name; empty: the last column that can be used.

    Raises
    ------
    UsageError
        There is no such column, or it cannot be used.
    DataError
        Fewer than two columns can be used.
    """
    usable = [column.name for column in columns if column.type is not None]
    if len(usable) < 2:
        raise DataError(
            "The sample has fewer than two columns that a model can use: "
            + "; ".join(f"{c.name}: {c.why_not}" for c in columns if c.why_not)
            + "."
        )
    if not target:
        return usable[-1]
    if target not in usable:
        found = next((column for column in columns if column.name == target), None)
        if found is not None:
            raise UsageError(f"The column {target} cannot be the target: {found.why_not}.")
        near = nearest(target, usable)
        hint = f"did you mean {near}?" if near else f"there are: {', '.join(usable)}."
        raise UsageError(f"The sample has no column {target}: {hint}")
    return target


def problem_template(
    *, title: str, model: str, sample: str, columns: Sequence[ColumnSketch], target: str
) -> str:
    """Write a problem.toml.

    Parameters
    ----------
    title
        For people.
    model, sample
        Names of the two files.
    columns
        As found in the sample.
    target
        Name of the column that the model predicts.

    Returns
    -------
    str
        Valid by `fedota_proto.problem`, with a comment on every choice.
    """
    strategies = _wrapped(", ".join(strategy_table()), "# ")
    head = _HEAD.format(
        title=_quoted(title), model=_quoted(model), sample=_quoted(sample), strategies=strategies
    )
    return head + "".join(_column(column, target) for column in columns)


def _wrapped(text: str, margin: str, width: int = 96) -> str:
    return f"\n{margin}".join(textwrap.wrap(f"One of {text}.", width))


def _column(column: ColumnSketch, target: str) -> str:
    if column.type is None:
        return f"\n# left out: {_quoted(column.name)}, {column.why_not}\n"
    lines = ["", "[[data.columns]]", f"name = {_quoted(column.name)}", f'type = "{column.type}"']
    if column.minimum is not None and column.maximum is not None:
        lines += [f"minimum = {column.minimum:.12g}", f"maximum = {column.maximum:.12g}"]
    if column.classes:
        lines.append(f"allowed = [{', '.join(_quoted(text) for text in column.classes)}]")
    if column.name == target:
        lines.append("target = true")
    if column.empty_cells:
        lines.append(
            f"# {column.empty_cells} rows of the sample have no value here; a row needs one"
        )
    return "\n".join(lines) + "\n"
