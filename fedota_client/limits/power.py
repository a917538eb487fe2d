"""Whether the machine runs on mains or battery, as Linux tells it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SUPPLIES = Path("/sys/class/power_supply")


@dataclass(frozen=True, slots=True)
class Power:
    """Where the power comes from; None where the machine does not say.

    Parameters
    ----------
    on_mains
        Whether a mains or USB supply is connected. A machine without battery is on mains.
    battery_percent
        Of the fullest battery.
    """

    on_mains: bool | None = None
    battery_percent: float | None = None


def read_power(supplies: Path = SUPPLIES) -> Power:
    """Look at the machine's supplies.

    Parameters
    ----------
    supplies
        Linux's folder of them; where it is not there, nothing is known.
    """
    mains: list[bool] = []
    batteries: list[float] = []
    discharging = False
    for supply in sorted(supplies.glob("*")):
        kind = _text(supply / "type")
        if kind in {"Mains", "USB"}:
            mains.append(_text(supply / "online") == "1")
        elif kind == "Battery" and _text(supply / "scope") != "Device":
            capacity = _text(supply / "capacity")
            if capacity.isdecimal():
                batteries.append(float(capacity))
            discharging = discharging or _text(supply / "status") == "Discharging"
    if not batteries:
        return Power(on_mains=True)
    on_mains = any(mains) if mains else not discharging
    return Power(on_mains, max(batteries))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
