"""Trials run beside whoever asks, one run at a time."""

from __future__ import annotations

import asyncio
import threading

from support.waiting import until

from fedota_server.webserver.doctor import Finding, LastTrials, State

_FINE = Finding("programs", State.OK, "they start", "")


class _Trials:
    def __init__(self) -> None:
        self.runs = 0
        self.may_end = threading.Event()

    def __call__(self) -> list[Finding]:
        self.runs += 1
        assert self.may_end.wait(10)
        return [_FINE]


def test_who_asks_never_waits_and_only_one_run_is_begun() -> None:
    trials = _Trials()
    last = LastTrials(trials, clock=lambda: 100.0)
    for _ in range(3):
        seen = last.seen(60)
        assert seen.running
        assert not seen.findings
    trials.may_end.set()
    asyncio.run(until(lambda: not last.seen(60).running, "an end of the trials"))
    assert (last.seen(60).findings, last.seen(60).ended_unix_s) == ([_FINE], 100.0)
    assert trials.runs == 1


def test_what_is_old_is_shown_while_the_next_run_goes_on() -> None:
    now = [100.0]
    trials = _Trials()
    trials.may_end.set()
    last = LastTrials(trials, clock=lambda: now[0])
    last.seen(60)
    asyncio.run(until(lambda: not last.seen(60).running, "an end of the trials"))
    trials.may_end.clear()
    now[0] = 161.0
    seen = last.seen(60)
    assert seen.running
    assert seen.findings == [_FINE]
    trials.may_end.set()
    asyncio.run(until(lambda: not last.seen(60).running, "an end of the trials"))
    assert trials.runs == 2
