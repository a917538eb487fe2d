"""Whether this machine's clock and the platform's agree."""

from __future__ import annotations

_TOLERATED_S = 300.0
_NEARLY = 0.95
_UNITS = ((86_400.0, "day"), (3_600.0, "hour"), (60.0, "minute"))


def skew_words(ours_unix_s: float, theirs_unix_s: float) -> str:
    """Say how far the clocks are apart and what to do; empty where they agree or nobody knows.

    Parameters
    ----------
    ours_unix_s, theirs_unix_s
        Seconds since 1970 on both sides; 0: not told.
    """
    skew_s = ours_unix_s - theirs_unix_s
    if not theirs_unix_s or abs(skew_s) < _TOLERATED_S:
        return ""
    size_s, unit = next((s, u) for s, u in _UNITS if abs(skew_s) >= _NEARLY * s)
    count = round(abs(skew_s) / size_s)
    way = "ahead of" if skew_s > 0 else "behind"
    return (
        f"This machine's clock is {count} {unit}{'s' if count != 1 else ''} {way} the platform's: "
        "set it, or receipts bear a wrong time and allowed hours begin at the wrong moment."
    )
