"""The account of noisy updates: Flower's numbers, kept across processes, never exceeded."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from fedota_client.failures import TaskFailedError
from fedota_client.noise.accountant import PrivacyAccount
from fedota_proto.errors import FolderError
from fedota_proto.privacy_cost import epsilon_of
from fedota_proto.privacy_rules import PrivacyRules

DELTA = 1e-5


def test_a_larger_noise_costs_less_and_updates_add_up(tmp_path: Path) -> None:
    account = PrivacyAccount(tmp_path / "ledger", DELTA)
    first = account.spend(2.0)
    second = account.spend(2.0)
    assert (first.updates, second.updates) == (1, 2)
    assert first.epsilon_round == first.epsilon_total == second.epsilon_round
    assert first.epsilon_total < second.epsilon_total < 2 * first.epsilon_total
    assert PrivacyAccount(tmp_path / "other", DELTA).spend(4.0).epsilon_total < first.epsilon_total


def test_epsilon_is_that_of_two_updates_twice_the_norm_apart(tmp_path: Path) -> None:
    """The Gaussian mechanism with σ/sensitivity = 2: the RDP bound by hand.

    ε ≤ min over α of α/(2·2²) + log(1/δ)/(α-1), which the accountant's conversion betters a little.
    """
    spent = PrivacyAccount(tmp_path / "ledger", DELTA).spend(4.0)
    by_hand = min(
        alpha / 8 + math.log(1 / DELTA) / (alpha - 1) for alpha in [a / 10 for a in range(11, 500)]
    )
    assert 0.8 * by_hand < spent.epsilon_total <= by_hand


@pytest.mark.parametrize("noise_multiplier", [0.05, 0.5, 2.0, 30.0, 1e6])
@pytest.mark.parametrize("updates", [1, 2, 7])
def test_what_pages_say_beforehand_is_what_the_account_says_afterwards(
    tmp_path: Path, noise_multiplier: float, updates: int
) -> None:
    account = PrivacyAccount(tmp_path / "ledger", DELTA)
    spent = [account.spend(noise_multiplier) for _ in range(updates)][-1]
    rules = PrivacyRules(1.0, noise_multiplier, DELTA)
    assert epsilon_of(rules, updates) == pytest.approx(spent.epsilon_total, rel=1e-9)
    assert epsilon_of(rules, 1) == pytest.approx(spent.epsilon_round, rel=1e-9)


def test_it_goes_on_after_a_restart(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    PrivacyAccount(ledger, DELTA).spend(2.0)
    before = PrivacyAccount(tmp_path / "other", DELTA)
    before.spend(2.0)
    assert PrivacyAccount(ledger, DELTA).spend(1.0) == before.spend(1.0)


def test_a_line_that_a_crash_cut_off_was_never_handed_on(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    PrivacyAccount(ledger, DELTA).spend(2.0)
    with ledger.open("a") as file:
        file.write('{"noise_mult')
    assert PrivacyAccount(ledger, DELTA).spend(2.0).updates == 2
    assert PrivacyAccount(ledger, DELTA).spend(2.0).updates == 3


def test_a_damaged_ledger_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("nonsense\n")
    with pytest.raises(FolderError, match="damaged"):
        PrivacyAccount(tmp_path / "ledger", DELTA)


def test_a_spent_budget_lets_nothing_out(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    alone = PrivacyAccount(tmp_path / "other", DELTA).spend(2.0).epsilon_total
    account = PrivacyAccount(ledger, DELTA, epsilon_max=alone * 1.1)
    account.spend(2.0)
    with pytest.raises(TaskFailedError) as failed:
        account.spend(2.0)
    assert failed.value.code == "privacy-budget"
    assert len(ledger.read_text().splitlines()) == 1


def test_without_a_ledger_nothing_leaves(tmp_path: Path) -> None:
    account = PrivacyAccount(tmp_path / "nowhere" / "ledger", DELTA)
    with pytest.raises(TaskFailedError) as failed:
        account.spend(2.0)
    assert failed.value.code == "privacy-ledger"
    assert str(tmp_path) not in failed.value.reason
