"""What all tests share."""

from __future__ import annotations

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
