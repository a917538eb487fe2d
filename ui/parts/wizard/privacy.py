"""The noise that clients add, as a part of the step on rounds."""

from __future__ import annotations

from typing import Any

import streamlit as st

from fedota_proto.privacy_rules import DELTA
from fedota_server.webserver.views import DraftView
from ui.parts.number_field import number_field


def privacy_fields(draft: DraftView) -> dict[str, Any] | None:
    """Show the fields, and return the section ``[privacy]``; None where no noise is demanded."""
    pid = draft.problem_id
    saved = draft.privacy
    wanted = st.checkbox(
        "Every client adds noise to its update before it leaves",
        value=bool(saved),
        key=f"noise_{pid}",
        help="The Gaussian mechanism: what training changed is clipped, then noise is added, at "
        "the data holder. Nobody need be trusted with the update as it was; the model learns less "
        "from the same rounds.",
    )
    with st.grid(min_column_width=220, gap="small"):
        values = {
            "clipping_norm": number_field(
                "Clipping norm S",
                whole=False,
                value=saved.get("clipping_norm", 1.0),
                lowest=0.0,
                highest=1e9,
                key=f"clipping_norm_{pid}",
                help_text="What a round's training changed is scaled down to this L2 norm.",
            ),
            "noise_multiplier": number_field(
                "Noise multiplier z",
                whole=False,
                value=saved.get("noise_multiplier", 0.1),
                lowest=0.0,
                highest=1e6,
                key=f"noise_multiplier_{pid}",
                help_text="Each number then gets normal noise with standard deviation z · S.",
            ),
            "delta": number_field(
                "δ",
                whole=False,
                value=saved.get("delta", DELTA),
                lowest=0.0,
                highest=0.1,
                key=f"delta_{pid}",
                help_text="At which each data holder is told its ε.",
            ),
        }
    if not wanted:
        return None
    return {name: value for name, value in values.items() if value is not None}
