"""The stages of a round as a picture."""

from __future__ import annotations

from html import escape

STAGES = ("selection", "configuration", "reporting", "completed")


def reached(stage: str) -> int:
    """Tell which of `STAGES` a round stands in, from 0; -1 where no round is open.

    Parameters
    ----------
    stage
        As the round clock says it: a stage, ``waiting`` (a selection below the minimum),
        ``evaluation`` (after the round is completed), or the problem's state.
    """
    if stage == "evaluation":
        return STAGES.index("completed")
    if stage == "waiting":
        return 0
    return STAGES.index(stage) if stage in STAGES else -1


def stages_html(stage: str, notes: dict[str, str] | None = None) -> str:
    """Draw the four stages in a row, the present one marked.

    Parameters
    ----------
    stage
        As the round clock says it.
    notes
        For a stage, a few words below its name.

    Returns
    -------
    str
        An ordered list for a screen reader, a picture for the eye; styled by `style.show_style`.
    """
    now = reached(stage)
    items = []
    for place, name in enumerate(STAGES):
        done = place < now or (place == now and name == "completed")
        kind = "done" if done else "now" if place == now else "next"
        mark = "✓" if done else str(place + 1)
        current = ' aria-current="step"' if place == now else ""
        note = (notes or {}).get(name, "")
        below = f'<span class="note">{escape(note)}</span>' if note else ""
        items.append(
            f'<li class="{kind}"{current}><span class="mark" aria-hidden="true">{mark}</span>'
            f'<span class="name">{name}</span>{below}</li>'
        )
    return f'<ol class="fedota-stages" aria-label="Stages of the round">{"".join(items)}</ol>'
