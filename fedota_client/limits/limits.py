"""Whether this machine may work now, and if not, when it may again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from fedota_client.limits.power import Power, read_power
from fedota_client.limits.schedule import Schedule

# Nobody can say when a cable is plugged in or a pause file removed: then it is looked again.
_UNKNOWN_S = 300.0


@dataclass(frozen=True, slots=True)
class Away:
    """No work now.

    Parameters
    ----------
    until_unix_s
        When work is allowed again, or looked after again.
    reason
        As the end of “no work now: …”.
    """

    until_unix_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class WorkLimits:
    """The holder's limits on when to work.

    Parameters
    ----------
    schedule
        Hours and days.
    on_mains
        Whether to work on mains alone.
    battery_percent
        Least charge to work with on battery; 0: any.
    pause_file
        While it exists, no work; None: there is none.
    """

    schedule: Schedule = field(default_factory=Schedule)
    on_mains: bool = False
    battery_percent: float = 0.0
    pause_file: Path | None = None

    def judge(self, now: datetime, power: Power, *, paused: bool) -> Away | None:
        """Say whether work is allowed.

        Parameters
        ----------
        now
            Local, with its time zone.
        power
            As the machine tells it.
        paused
            Whether the pause file is there.

        Returns
        -------
        Away or None
            None: work is allowed.
        """
        if paused:
            return Away(now.timestamp() + _UNKNOWN_S, f"{self.pause_file} is there")
        if not self.schedule.is_open(now):
            opens = self.schedule.next_open(now)
            return Away(opens.timestamp(), "it is outside of the allowed hours and days")
        later = (now + timedelta(seconds=_UNKNOWN_S)).timestamp()
        if self.on_mains and power.on_mains is False:
            return Away(later, "the machine runs on battery")
        charge = power.battery_percent
        on_battery = power.on_mains is False
        if on_battery and charge is not None and charge < self.battery_percent:
            return Away(later, f"the battery is at {charge:.0f}%")
        return None


def judge_now(
    limits: WorkLimits,
    clock: Callable[[], datetime] = lambda: datetime.now().astimezone(),
    power: Callable[[], Power] = read_power,
) -> Away | None:
    """Look at clock, power and pause file, and judge.

    Parameters
    ----------
    limits
        The holder's.
    clock, power
        Where to look.
    """
    paused = limits.pause_file is not None and limits.pause_file.exists()
    asks_power = limits.on_mains or limits.battery_percent > 0
    return limits.judge(clock(), power() if asks_power else Power(), paused=paused)
