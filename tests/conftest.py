"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# Nothing in the tests depends on time: a busy machine is no failure.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
