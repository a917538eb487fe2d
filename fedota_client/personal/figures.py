"""Numbers as a report shows them."""

from __future__ import annotations

_SMALL, _LARGE = 1e-4, 1e3


def short(value: float, *, signed: bool = False) -> str:
    """Write a number with about three digits: ``0.0345``, ``-12.5``, ``5,690``.

    Parameters
    ----------
    value
        Finite.
    signed
        Whether a positive number gets its sign too.
    """
    sign = "-" if value < 0 else "+" if signed and value > 0 else ""
    size = abs(value)
    if 0 < size < _SMALL:
        return "0.0000" if signed else "<0.0001"
    return sign + (f"{size:,.0f}" if size >= _LARGE else f"{size:.3g}")
