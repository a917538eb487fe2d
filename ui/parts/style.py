"""The few rules of style that Streamlit's theme has no setting for."""

from __future__ import annotations

import streamlit as st

from ui.theme.palette import DARK, LIGHT

# Streamlit tells the browser which scheme is shown; the browser then picks one of the two.
ACCENT = f"light-dark({LIGHT.primary}, {DARK.primary})"
ON_ACCENT = f"light-dark({LIGHT.on_primary}, {DARK.on_primary})"
GROUND = f"light-dark({LIGHT.background}, {DARK.background})"
MUTED = f"light-dark({LIGHT.muted}, {DARK.muted})"
BORDER = f"light-dark({LIGHT.border}, {DARK.border})"
LINK = f"light-dark({LIGHT.link}, {DARK.link})"
GOOD = f"light-dark({LIGHT.good}, {DARK.good})"
WARNING = f"light-dark({LIGHT.warning}, {DARK.warning})"
BAD = f"light-dark({LIGHT.bad}, {DARK.bad})"

_RULES = f"""
<style>
.fedota-prose {{ max-width: 44rem; line-height: 1.6; overflow-wrap: anywhere; }}
.fedota-prose table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
.fedota-prose th, .fedota-prose td {{
  border-bottom: 1px solid {BORDER};
  padding: .3rem .8rem .3rem 0; text-align: left;
}}
.fedota-prose a {{ color: {LINK}; text-decoration: underline; }}
.fedota-soft {{ color: {MUTED}; }}
.fedota-small {{ font-size: .875rem; }}
.fedota-dot {{
  display: inline-block; width: .55rem; height: .55rem; border-radius: 50%;
  margin-right: .45rem; background: {MUTED};
}}
.fedota-dot.good {{ background: {GOOD}; }}
.fedota-dot.wait {{ background: {WARNING}; }}
.fedota-dot.bad {{ background: {BAD}; }}

.fedota-stages {{
  display: flex; list-style: none; margin: .4rem 0 .2rem; padding: 0; max-width: 44rem;
}}
.fedota-stages li {{
  flex: 1 1 0; min-width: 0; position: relative; text-align: center; padding: 0 .15rem;
  margin: 0; font-size: .875rem;
}}
.fedota-stages li::before {{
  content: ""; position: absolute; top: .8rem; left: -50%; width: 100%; height: 2px;
  background: {BORDER};
}}
.fedota-stages li:first-child::before {{ display: none; }}
.fedota-stages li.done::before, .fedota-stages li.now::before {{ background: {ACCENT}; }}
.fedota-stages .mark {{
  position: relative; z-index: 1; display: grid; place-items: center; width: 1.6rem;
  height: 1.6rem; margin: 0 auto .35rem; border-radius: 50%; font-size: .8rem;
  font-weight: 600; border: 2px solid {BORDER};
  background: {GROUND};
}}
.fedota-stages .done .mark {{ border-color: {ACCENT}; background: {ACCENT}; color: {ON_ACCENT}; }}
.fedota-stages .now .mark {{
  border-color: {ACCENT}; color: {ACCENT};
  box-shadow: 0 0 0 .28rem color-mix(in srgb, {ACCENT} 22%, transparent);
}}
.fedota-stages .name {{ display: block; font-weight: 500; overflow-wrap: anywhere; }}
.fedota-stages .next .name {{ color: {MUTED}; font-weight: 400; }}
.fedota-stages .note {{ display: block; color: {MUTED}; font-size: .8rem; }}
@media (max-width: 480px) {{
  .fedota-stages li {{ font-size: .7rem; padding: 0; }}
  .fedota-stages .note {{ font-size: .7rem; }}
}}
@media (prefers-reduced-motion: no-preference) {{
  .fedota-stages .now .mark {{ animation: fedota-breathe 2.4s ease-in-out infinite; }}
  @keyframes fedota-breathe {{
    50% {{ box-shadow: 0 0 0 .12rem color-mix(in srgb, {ACCENT} 22%, transparent); }}
  }}
}}

.fedota-bar {{
  height: .4rem; border-radius: .2rem; overflow: hidden; max-width: 44rem; margin: .3rem 0 .9rem;
  background: {BORDER};
}}
.fedota-bar > span {{ display: block; height: 100%; border-radius: .2rem; background: {ACCENT}; }}
.fedota-button {{
  display: inline-flex; align-items: center; min-height: 2.5rem; padding: .25rem .75rem;
  border: 1px solid {BORDER}; border-radius: .5rem; color: inherit; text-decoration: none;
}}
.fedota-button:hover, .fedota-button:focus-visible {{ border-color: {ACCENT}; color: {ACCENT}; }}
.fedota-clock {{ font-size: 1.05rem; font-variant-numeric: tabular-nums; max-width: 58rem; }}

.st-key-failure {{ border-left: .3rem solid {BAD} !important; }}
[data-testid="stMarkdownContainer"]:has(> table) {{ overflow-x: auto; }}
[data-testid="stMainBlockContainer"] {{ padding-top: 4rem; max-width: 76rem; }}
[class*="st-key-card_"] [data-testid="stPageLink-NavLink"] {{ padding-left: 0; }}
[class*="st-key-card_"] [data-testid="stPageLink-NavLink"] * {{ white-space: normal; }}
[class*="st-key-card_"] [data-testid="stPageLink-NavLink"] p {{ font-size: 1.05rem; }}
</style>
"""


def show_style() -> None:
    """Put the rules into the page; takes no room."""
    st.html(_RULES)
