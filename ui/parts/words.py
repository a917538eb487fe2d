"""Times in the reader's zone, durations, and numbers with their units, as people read them."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from fedota_proto.units import size_words

__all__ = [
    "ago",
    "count",
    "day_and_time",
    "duration",
    "joined",
    "metric_words",
    "number",
    "plain",
    "reader_zone",
    "size_words",
    "when",
]

_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
_IRREGULAR = {"entry": "entries", "memory": "memories"}


def plain(text: str) -> str:
    """Write somebody's text so that Streamlit's Markdown shows it letter by letter.

    Parameters
    ----------
    text
        A title, a name, a reason: whatever a person or a file has brought.

    Returns
    -------
    str
        On one line, every ASCII punctuation mark escaped as CommonMark allows.
    """
    # Streamlit makes links of bare addresses; a word joiner, which nobody sees, keeps them text.
    line = " ".join(text.split()).replace("://", ":\u2060//").replace("www.", "www\u2060.")
    return "".join(f"\\{one}" if one in _PUNCTUATION else one for one in line)


def reader_zone() -> tzinfo:
    """Return the time zone of the browser that the page is shown in; UTC where it is not told."""
    name = st.context.timezone
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _zone_words(zone: tzinfo) -> str:
    return " UTC" if zone is UTC else ""


def day_and_time(unix_s: float, zone: tzinfo | None = None) -> str:
    """Write a moment in full: ``24 Nov 2025, 14:05:09``.

    Parameters
    ----------
    unix_s
        Seconds since 1970.
    zone
        The reader's, if known already.
    """
    zone = zone or reader_zone()
    moment = datetime.fromtimestamp(unix_s, zone)
    return f"{moment.day} {moment:%b %Y, %H:%M:%S}{_zone_words(zone)}"


def when(unix_s: float | None, zone: tzinfo | None = None, now: float | None = None) -> str:
    """Write a moment as short as it stays clear: ``14:05``, ``yesterday 14:05``, ``3 Nov 14:05``.

    Parameters
    ----------
    unix_s
        Seconds since 1970; None is written as a dash.
    zone, now
        The reader's zone, and the present in seconds since 1970.
    """
    if unix_s is None:
        return "–"
    zone = zone or reader_zone()
    moment = datetime.fromtimestamp(unix_s, zone)
    today = datetime.fromtimestamp(time.time() if now is None else now, zone)
    clock = f"{moment:%H:%M}{_zone_words(zone)}"
    days = (today.date() - moment.date()).days
    if days == 0:
        return f"today {clock}"
    if days == 1:
        return f"yesterday {clock}"
    if days == -1:
        return f"tomorrow {clock}"
    if moment.year == today.year:
        return f"{moment.day} {moment:%b} {clock}"
    return f"{moment.day} {moment:%b %Y}"


def ago(unix_s: float | None, now: float | None = None) -> str:
    """Write how long ago a moment was, in its largest unit: ``3 min ago``, ``2 days ago``.

    Parameters
    ----------
    unix_s
        Seconds since 1970; None is written as ``never``.
    now
        The present, in seconds since 1970.
    """
    if unix_s is None:
        return "never"
    passed = (time.time() if now is None else now) - unix_s
    if passed < 5:
        return "just now"
    for size, unit in ((86_400.0, "day"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if passed >= size:
            whole = int(passed // size)
            return f"{count(whole, unit) if unit == 'day' else f'{whole} {unit}'} ago"
    return "just now"


def duration(seconds: float) -> str:
    """Write a duration in its two largest units: ``0.42 s``, ``2 min 10 s``, ``3 h 5 min``.

    Parameters
    ----------
    seconds
        0 or more.
    """
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    for size, unit, below, lower in (
        (86_400, "day", 3600, "h"),
        (3600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            large, rest = divmod(whole, size)
            first = count(large, unit) if unit == "day" else f"{large} {unit}"
            return f"{first} {rest // below} {lower}" if rest // below else first
    return f"{whole} s"


def number(value: float) -> str:
    """Write a number: whole ones with separators, others to four significant digits."""
    if not math.isfinite(value):
        return "–"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    if abs(value) >= 10_000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def count(many: float, thing: str) -> str:
    """Write a count with its noun: ``1 round``, ``1,204 rounds``.

    Parameters
    ----------
    many
        How many.
    thing
        The noun, for one of it.
    """
    plural = _IRREGULAR.get(thing, f"{thing}s")
    return f"{number(many)} {thing if many == 1 else plural}"


def joined(things: Iterable[str], last: str = "and") -> str:
    """Join words as a sentence does: ``a, b and c``."""
    words = list(things)
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def metric_words(metrics: Mapping[str, float]) -> str:
    """Write metrics as ``loss 0.1234, accuracy 0.98``, the loss first."""
    ordered = sorted(metrics.items(), key=lambda item: (item[0] != "loss", item[0]))
    return ", ".join(f"{name} {number(value)}" for name, value in ordered)
