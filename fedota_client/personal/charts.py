"""The report's plots as SVG; colours are the page's, so that they follow light and dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from fedota_client.personal.figures import short
from fedota_client.personal.intervals import Interval

WIDTH = 640
_LEFT, _RIGHT, _TOP, _BOTTOM = 110, 20, 14, 34
_ROW = 34
_POINTS_MOST = 600
_FEW = 100


def interval_chart(numbers: Mapping[str, Interval], chosen: str, *, percent: bool = False) -> str:
    """Draw each model's number as a dot and its interval as a line.

    Parameters
    ----------
    numbers
        By model, one row each.
    chosen
        The model that is set in bold.
    percent
        Whether the numbers are shares.
    """
    low = min(one.low for one in numbers.values())
    high = max(one.high for one in numbers.values())
    scale = _Scale(low, high, _LEFT, WIDTH - _RIGHT)
    height = _TOP + _ROW * len(numbers) + _BOTTOM
    parts = [_axis(scale, height - _BOTTOM, percent=percent)]
    for row, (name, one) in enumerate(numbers.items()):
        y = _TOP + _ROW * row + _ROW / 2
        weight = ' font-weight="bold"' if name == chosen else ""
        text = f"{_number(one.value, percent)} ({_number(one.low, percent)} to "
        text += f"{_number(one.high, percent)})"
        parts.append(
            f'<g class="{name}"><title>{escape(name)}: {text}</title>'
            f'<text x="{_LEFT - 10}" y="{y + 4:.1f}" text-anchor="end"{weight}>{escape(name)}'
            "</text>"
            f'<line x1="{scale(one.low):.1f}" x2="{scale(one.high):.1f}" y1="{y:.1f}" '
            f'y2="{y:.1f}" stroke-width="3" stroke-linecap="round"/>'
            f'<circle cx="{scale(one.value):.1f}" cy="{y:.1f}" r="6"/></g>'
        )
    return _svg(height, parts)


def curve_chart(curves: Mapping[str, Sequence[float]], stops: Mapping[str, int]) -> str:
    """Draw the validation loss by epoch.

    Parameters
    ----------
    curves
        By model, one number for each epoch from 0.
    stops
        By model, the epoch that was kept.
    """
    values = [value for curve in curves.values() for value in curve if math.isfinite(value)]
    epochs = max(len(curve) for curve in curves.values()) - 1
    height = 260
    across = _Scale(0.0, max(1.0, float(epochs)), _LEFT, WIDTH - _RIGHT, pad=0.0)
    up = _Scale(min(values), max(values), height - _BOTTOM, _TOP)
    parts = [
        _axis(across, height - _BOTTOM, title="epoch"),
        _side_axis(up, "validation loss"),
    ]
    for name, curve in curves.items():
        points = " ".join(
            f"{across(epoch):.1f},{up(value):.1f}"
            for epoch, value in enumerate(curve)
            if math.isfinite(value)
        )
        kept = stops[name]
        parts.append(
            f'<g class="{name}"><polyline points="{points}" fill="none" stroke-width="2"/>'
            f'<circle cx="{across(kept):.1f}" cy="{up(curve[kept]):.1f}" r="5">'
            f"<title>{escape(name)}: epoch {kept} was kept</title></circle></g>"
        )
    return _svg(height, parts)


def scatter_chart(true: np.ndarray, predicted: Mapping[str, np.ndarray], target: str) -> str:
    """Draw what was predicted over what is true, with the line on which both are equal.

    Parameters
    ----------
    true
        ``(examples,)``.
    predicted
        By model, ``(examples,)``.
    target
        Name of what is predicted.
    """
    step = max(1, math.ceil(len(true) / _POINTS_MOST))
    shown = true[::step]
    radius = 4 if len(shown) < _FEW else 2.5
    values = np.concatenate([shown, *(one[::step] for one in predicted.values())])
    height = 380
    across = _Scale(float(values.min()), float(values.max()), _LEFT, WIDTH - _RIGHT)
    up = _Scale(float(values.min()), float(values.max()), height - _BOTTOM, _TOP)
    parts = [
        _axis(across, height - _BOTTOM, title=f"{target}: true"),
        _side_axis(up, "predicted"),
        f'<line class="guide" x1="{across(across.low):.1f}" y1="{up(up.low):.1f}" '
        f'x2="{across(across.high):.1f}" y2="{up(up.high):.1f}"/>',
    ]
    for name, one in predicted.items():
        dots = "".join(
            f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="{radius}"/>'
            for x, y in zip(shown, one[::step], strict=True)
        )
        parts.append(f'<g class="{name} dots">{dots}</g>')
    return _svg(height, parts)


class _Scale:
    """Maps numbers to places."""

    def __init__(
        self, low: float, high: float, begin: float, end: float, *, pad: float = 0.06
    ) -> None:
        width = (high - low) or max(abs(high), 1.0) * 0.1
        self.low, self.high = low - pad * width, high + pad * width
        self._begin, self._end = begin, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self, count: int = 5) -> list[float]:
        """Return round numbers within the scale."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(m * power for m in (1, 2, 5, 10) if m * power >= rough * 0.999)
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step) + 1)]


def _axis(scale: _Scale, y: float, *, title: str = "", percent: bool = False) -> str:
    parts = [f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>']
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{y}"/>'
            f'<text class="tick" x="{x:.1f}" y="{y + 16}" text-anchor="middle">'
            f"{_number(tick, percent)}</text>"
        )
    if title:
        parts.append(
            f'<text class="tick" x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{y + 30}" '
            f'text-anchor="middle">{escape(title)}</text>'
        )
    return "".join(parts)


def _side_axis(scale: _Scale, title: str) -> str:
    parts = []
    for tick in scale.ticks():
        y = scale(tick)
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
            f"{_number(tick)}</text>"
        )
    middle = (scale(scale.low) + scale(scale.high)) / 2
    parts.append(
        f'<text class="tick" transform="translate(16 {middle:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(title)}</text>'
    )
    return "".join(parts)


def _number(value: float, percent: bool = False) -> str:
    return f"{100 * value:.3g}%" if percent else short(value)


def _svg(height: float, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )
