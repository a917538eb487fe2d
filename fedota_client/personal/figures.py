"""Numbers as a report shows them."""

from __future__ import annotations

_NOTHING, _SMALL, _LARGE = 1e-12, 1e-4, 1e3


def short(value: float, *, signed: bool = False) -> str:
    """Write a number with about three digits: ``0.0345``, ``-12.5``, ``5,690``, ``3.2e-05``.

    Parameters
    ----------
    value
        Finite.
    signed
        Whether a positive number gets its sign too.
    """
    size = abs(value)
    if size < _NOTHING:
        return "0"
    sign = "-" if value < 0 else "+" if signed else ""
    if size < _SMALL:
        return f"{sign}{size:.2g}"
    return sign + (f"{size:,.0f}" if size >= _LARGE else f"{size:.3g}")
