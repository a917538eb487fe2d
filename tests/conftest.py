"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import settings

pytest_plugins = (
    "support.databases",
    "support.engine",
    "support.mounts",
    "support.swarm",
    "support.swarm_lab",
)

# Nothing in the tests depends on time: a busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A shell lets what it runs in the background ignore Ctrl-C, and all that this starts would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
