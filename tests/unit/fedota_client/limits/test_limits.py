"""Whether to work: clock, power and pause file together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fedota_client.limits.bandwidth import Throttle
from fedota_client.limits.limits import WorkLimits, judge_now
from fedota_client.limits.power import Power, read_power
from fedota_client.limits.schedule import Schedule

NOON = datetime(2025, 9, 1, 12, tzinfo=UTC)
MAINS = Power(on_mains=True, battery_percent=50.0)
BATTERY = Power(on_mains=False, battery_percent=50.0)


def test_without_limits_work_is_always_allowed() -> None:
    assert WorkLimits().judge(NOON, BATTERY, paused=False) is None


def test_outside_of_the_hours_it_says_when_it_is_back() -> None:
    away = WorkLimits(Schedule.parse("22:00-06:00", "")).judge(NOON, MAINS, paused=False)
    assert away is not None
    assert away.until_unix_s == NOON.replace(hour=22).timestamp()


def test_on_battery() -> None:
    assert WorkLimits(on_mains=True).judge(NOON, MAINS, paused=False) is None
    away = WorkLimits(on_mains=True).judge(NOON, BATTERY, paused=False)
    assert away is not None
    assert away.reason == "the machine runs on battery"
    assert away.until_unix_s > NOON.timestamp()


def test_a_low_battery_matters_only_without_mains() -> None:
    limits = WorkLimits(battery_percent=60.0)
    away = limits.judge(NOON, BATTERY, paused=False)
    assert away is not None
    assert away.reason == "the battery is at 50%"
    assert limits.judge(NOON, MAINS, paused=False) is None


def test_a_pause_file(tmp_path: Path) -> None:
    limits = WorkLimits(pause_file=tmp_path / "pause")
    assert judge_now(limits) is None
    (tmp_path / "pause").touch()
    away = judge_now(limits)
    assert away is not None
    assert away.reason.endswith("pause is there")


def supply(folder: Path, name: str, **entries: str) -> None:
    (folder / name).mkdir()
    for entry, text in entries.items():
        (folder / name / entry).write_text(text + "\n")


def test_a_laptop_on_battery(tmp_path: Path) -> None:
    supply(tmp_path, "AC", type="Mains", online="0")
    supply(tmp_path, "BAT0", type="Battery", capacity="41", status="Discharging")
    supply(tmp_path, "mouse", type="Battery", scope="Device", capacity="99")
    assert read_power(tmp_path) == Power(on_mains=False, battery_percent=41.0)


def test_a_machine_without_battery_is_on_mains(tmp_path: Path) -> None:
    assert read_power(tmp_path / "nowhere") == Power(on_mains=True)


def test_a_cap_spreads_bytes_over_time() -> None:
    now = [100.0]
    throttle = Throttle(1_000, clock=lambda: now[0])
    assert throttle.delay_s(500) == 0.5
    now[0] = 100.5
    assert throttle.delay_s(1_000) == 1.0
    now[0] = 200.0
    # After a silence a second's worth goes at once.
    assert throttle.delay_s(1_000) == 0.0
    assert throttle.delay_s(1_000) == 1.0


def test_without_a_cap_nothing_waits() -> None:
    assert Throttle(0).delay_s(1 << 40) == 0.0
    assert Throttle(0).chunk_bytes(1 << 20) == 1 << 20
    assert Throttle(100_000).chunk_bytes(1 << 20) == 100_000
