"""Which release this is, for people; whether two processes can talk is the protocol's number."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def release() -> str:
    """Return the installed distribution's version, ``unknown`` outside of an installation."""
    try:
        return version("fedota")
    except PackageNotFoundError:
        return "unknown"
