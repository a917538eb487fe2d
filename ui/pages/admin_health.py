"""What `fedota doctor` finds: what is wrong with this installation, and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from fedota_server.webserver.doctor import Doctor, Finding, State
from fedota_server.webserver.permissions import Action, require
from ui.parts.words import ago, plain
from ui.session import account, platform, trials

_TRIALS_KEPT_S = 300.0  # for so long their findings are shown before a visit has them run again
_TRIALS_LOOK_S = 1.0

_LOOKS = {
    State.OK: (":material/check_circle:", "green"),
    State.WARNING: (":material/warning:", "orange"),
    State.PROBLEM: (":material/error:", "red"),
}


def _row(finding: Finding) -> None:
    icon, colour = _LOOKS[finding.state]
    st.markdown(f":{colour}[{icon}] **{plain(finding.name)}** · {plain(finding.what)}")
    if finding.remedy:
        st.caption(plain(finding.remedy))


def _rows(findings: Sequence[Finding]) -> None:
    """Show what is wrong first, each by itself; then what is well."""
    for finding in findings:
        if finding.state is not State.OK:
            with st.container(border=True):
                _row(finding)
    for finding in findings:
        if finding.state is State.OK:
            _row(finding)


def _trials_under_way() -> None:
    if trials().seen(math.inf).running:
        st.caption(":material/hourglass_top: Each program is being started once, as a trial…")
    else:
        st.rerun()


def show() -> None:
    """Show the page."""
    me = account()
    require(me.actor, Action.SEE_SERVERS)
    st.title("Health")
    st.markdown("The same checks as `fedota doctor`.")
    looked = Doctor(platform().settings).looks()
    tried = trials().seen(_TRIALS_KEPT_S)
    findings = [*looked, *tried.findings]
    if tried.findings and all(one.state is State.OK for one in findings):
        st.success("All is well.", icon=":material/check_circle:")
    _rows(findings)
    if tried.running:
        st.fragment(_trials_under_way, run_every=_TRIALS_LOOK_S)()
    else:
        st.caption(f"The programs were tried {ago(tried.ended_unix_s)}.")
        if st.button("Try again", icon=":material/refresh:"):
            trials().seen(0.0)
            st.rerun()


show()
