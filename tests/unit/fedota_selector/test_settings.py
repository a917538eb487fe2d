"""Settings: from the environment, bounded, with the nearest right name for a wrong one."""

from __future__ import annotations

import pytest

from fedota_proto.errors import UsageError
from fedota_proto.settings_check import load_settings
from fedota_selector.settings import SelectorSettings

GOOD = {
    "FEDOTA_SELECTOR_INDEX": "2",
    "FEDOTA_SELECTOR_PROBLEM_ID": "abc123",
    "FEDOTA_SELECTOR_COORDINATOR_ADDRESS": "127.0.0.1:9000",
    "FEDOTA_SELECTOR_KEYS": "keys/selector-2",
}


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_defaults(environ: pytest.MonkeyPatch) -> None:
    settings = load_settings(SelectorSettings)
    assert (settings.index, settings.problem_id) == (2, "abc123")
    assert settings.byte_budget_bytes == 256 << 20
    assert settings.held_max_clients == 5_000
    assert settings.listen == "127.0.0.1:0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FEDOTA_SELECTOR_INDEX", "0"),
        ("FEDOTA_SELECTOR_BYTE_BUDGET_BYTES", "-1"),
        ("FEDOTA_SELECTOR_LISTEN", "nowhere"),
        ("FEDOTA_SELECTOR_PROBLEM_ID", "Not A Label"),
        ("FEDOTA_SELECTOR_STALL_TIMEOUT_S", "0"),
    ],
)
def test_out_of_bounds(environ: pytest.MonkeyPatch, name: str, value: str) -> None:
    environ.setenv(name, value)
    with pytest.raises(UsageError, match=name):
        load_settings(SelectorSettings)


def test_a_misspelt_variable_stops_the_start(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("FEDOTA_SELECTOR_BYTE_BUGDET_BYTES", "5")
    with pytest.raises(UsageError, match="did you mean FEDOTA_SELECTOR_BYTE_BUDGET_BYTES"):
        load_settings(SelectorSettings)


def test_every_field_is_described_and_bounded() -> None:
    for name, field in SelectorSettings.model_fields.items():
        assert field.description, name
        assert field.metadata or field.annotation not in (int, float, str), name


@pytest.mark.parametrize(
    ("node", "told"),
    [
        ("n1", "192.0.2.7:20000"),
        ("n2", "[2001:db8::1]:20000"),
        ("n3", "doors.example.org:20000"),  # not labelled
        ("", "doors.example.org:20000"),
    ],
)
def test_a_selector_of_a_swarm_tells_its_nodes_address(
    environ: pytest.MonkeyPatch, node: str, told: str
) -> None:
    environ.setenv("FEDOTA_SELECTOR_PUBLIC_ADDRESS", "doors.example.org:20000")
    environ.setenv("FEDOTA_SELECTOR_NODE_HOSTS", "n1=192.0.2.7 n2=2001:db8::1")
    environ.setenv("FEDOTA_SELECTOR_NODE", node)
    assert load_settings(SelectorSettings).address_told == told


def test_without_a_public_address_it_tells_none(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("FEDOTA_SELECTOR_NODE_HOSTS", "n1=192.0.2.7")
    environ.setenv("FEDOTA_SELECTOR_NODE", "n1")
    assert load_settings(SelectorSettings).address_told == ""
