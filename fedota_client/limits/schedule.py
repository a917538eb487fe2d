"""Hours of the day and days of the week, in local time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from fedota_proto.errors import UsageError

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")
_MINUTE = timedelta(minutes=1)
_WEEK_MINUTES = 7 * 24 * 60 + 1


@dataclass(frozen=True, slots=True)
class Span:
    """Hours from `begin` to before `end`; over midnight where `end` is not later."""

    begin: time
    end: time


@dataclass(frozen=True, slots=True)
class Schedule:
    """When work is allowed.

    Parameters
    ----------
    spans
        Hours of the day; empty: all.
    days
        Days of the week on which a span begins, 0 for Monday; empty: all.
    """

    spans: tuple[Span, ...] = ()
    days: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, hours: str, days: str) -> Schedule:
        """Read what the settings say.

        Parameters
        ----------
        hours
            As ``22:00-06:00`` or ``12:00-13:00,18:00-24:00``; empty: all.
        days
            As ``mon-fri`` or ``sat,sun``; empty: all.

        Raises
        ------
        UsageError
            One of them is not of this form.
        """
        return cls(
            tuple(_span(part.strip()) for part in hours.split(",") if part.strip()),
            frozenset(
                day for part in days.split(",") if part.strip() for day in _days(part.strip())
            ),
        )

    def is_open(self, now: datetime) -> bool:
        """Tell whether work is allowed at a local time."""
        clock = now.time()
        today, yesterday = now.weekday(), (now.weekday() - 1) % 7
        if not self.spans:
            return self._on(today)
        for span in self.spans:
            if span.begin < span.end:
                if span.begin <= clock < span.end and self._on(today):
                    return True
            elif (clock >= span.begin and self._on(today)) or (
                clock < span.end and self._on(yesterday)
            ):
                return True
        return False

    def next_open(self, now: datetime) -> datetime:
        """Return the first moment from `now` on, to the minute, at which work is allowed."""
        moment = now
        for _ in range(_WEEK_MINUTES):
            if self.is_open(moment):
                return moment
            moment = moment.replace(second=0, microsecond=0) + _MINUTE
        return moment

    def _on(self, day: int) -> bool:
        return not self.days or day in self.days


def _span(text: str) -> Span:
    found = _SPAN.fullmatch(text)
    if found:
        first, last = (int(found[1]), int(found[2])), (int(found[3]), int(found[4]))
        if first[0] < 24 and first[1] < 60 and (last == (24, 0) or (last[0] < 24 and last[1] < 60)):
            return Span(time(*first), time(last[0] % 24, last[1]))
    raise UsageError(f"The hours “{text}” are not of the form 22:00-06:00.")


def _days(text: str) -> list[int]:
    first, dash, last = (part.strip().casefold()[:3] for part in text.partition("-"))
    if first not in _DAYS or (dash and last not in _DAYS):
        raise UsageError(f"The days “{text}” are not of the form mon-fri or sat,sun.")
    begin = _DAYS.index(first)
    count = (_DAYS.index(last) - begin) % 7 + 1 if dash else 1
    return [(begin + step) % 7 for step in range(count)]
