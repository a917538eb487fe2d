"""Step 4: the strategy and its parameters."""

from __future__ import annotations

import math
from typing import Any

import streamlit as st

from fedota_proto.strategy_table import ParameterSpec, StrategySpec, strategy_table
from fedota_server.webserver.permissions import Actor
from fedota_server.webserver.platform import Platform
from fedota_server.webserver.views import DraftView
from ui.parts.number_field import number_field
from ui.parts.wizard.steps import save, show_step_mistakes
from ui.parts.words import number, plain


def show(platform: Platform, actor: Actor, draft: DraftView) -> None:
    """Show the step."""
    show_step_mistakes(draft, "strategy")
    pid = draft.problem_id
    table = strategy_table()
    names = list(table)
    chosen = draft.strategy.get("name")
    name = st.selectbox(
        "Strategy",
        names,
        index=names.index(chosen) if chosen in names else 0,
        format_func=lambda one: f"{one}: {_first_words(table[one])}",
        key=f"strategy_{pid}",
    )
    spec = table[name]
    st.markdown(plain(spec.summary))
    st.markdown(_how_it_works(spec))
    st.caption(plain(spec.paper))
    with st.form(f"parameters_{name}", border=False):
        saved_before = draft.strategy if chosen == name else {}
        parameters = _parameter_fields(spec, saved_before, pid)
        saved = st.form_submit_button("Save and go on", type="primary")
    if saved:
        save("strategy", lambda: platform.problems.set_strategy(actor, pid, name, parameters))


def _first_words(spec: StrategySpec) -> str:
    return spec.summary.rstrip(".").split(":")[0].split(",")[0]


def _how_it_works(spec: StrategySpec) -> str:
    if spec.aggregation == "mean":
        how = "Selectors keep running means, so that nobody above them sees a single update."
    else:
        how = "Selectors pass every update on, since this strategy must see each one."
    how += f" A single update can be seen by {spec.seen_by}."
    if spec.needs_loss:
        how += " Clients also send their training loss."
    rules = ", ".join(rule.text() for rule in spec.fewest_reports_rules)
    if rules:
        how += f" It needs {rules}."
    return plain(how)


def bounds_words(spec: ParameterSpec) -> str:
    """Say which values a parameter may have."""
    words = []
    if math.isfinite(spec.above):
        words.append(f"above {number(spec.above)}")
    if math.isfinite(spec.minimum):
        words.append(f"from {number(spec.minimum)}")
    if math.isfinite(spec.below):
        words.append(f"below {number(spec.below)}")
    if math.isfinite(spec.maximum):
        words.append(f"up to {number(spec.maximum)}")
    words = words or ["any number"]
    if spec.default is None:
        words.append("must be given")
    else:
        words.append(f"usually {number(spec.default)}")
    return ", ".join(words)


def _parameter_fields(spec: StrategySpec, saved: dict[str, Any], pid: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if not spec.parameters:
        st.markdown("It has no parameters.")
    for one in spec.parameters.values():
        value = saved.get(one.name, one.default)
        # Streamlit's own bounds are all included; what is excluded is told when it is saved.
        lowest = max(one.minimum, one.above)
        highest = min(one.maximum, one.below)
        values[one.name] = number_field(
            one.name,
            whole=one.type == "int",
            value=value,
            lowest=lowest,
            highest=highest,
            key=f"parameter_{pid}_{spec.name}_{one.name}",
        )
        st.caption(f"{plain(one.explanation)} {plain(bounds_words(one).capitalize())}.")
    return {name: value for name, value in values.items() if value is not None}
