"""What an institution's policy forbids, whatever a setter or an option says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fedota_client.policy.policy import NoiseRule, Policy, read_policy
from fedota_client.policy.rules import PolicyRules, Wanted
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import PolicyError, UsageError
from fedota_proto.manifest import Manifest, ManifestArray
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem import parse_problem

PROBLEM = """
[problem]
title = "Tumours"
setter = "Institute of Oncology"
model = "model.keras"
[strategy]
name = "FedAvg"
[rounds]
rounds = 20
goal_count = 4
reporting_deadline_s = 60
[data]
kind = "table"
[[data.columns]]
name = "radius"
type = "number"
[[data.columns]]
name = "malignant"
type = "boolean"
target = true
"""

WANTED = Wanted(
    problem=parse_problem(PROBLEM),
    manifest=Manifest(arrays=(ManifestArray("w", "float32", (10, 5)),), metrics=("loss",)),
    model_bytes=20_000,
    platform="ab" * 32,
    share=ShareMetrics.EXACT,
)


def refusal(policy: Policy, wanted: Wanted = WANTED) -> str:
    with pytest.raises(PolicyError) as refused:
        PolicyRules([policy]).check(wanted)
    assert refused.value.exit_code == 3
    return refused.value.public_message


def test_a_policy_that_asks_for_nothing_allows_everything() -> None:
    PolicyRules([Policy("p")]).check(WANTED)
    PolicyRules().check(WANTED)


def test_a_policy_that_is_kept_allows_it() -> None:
    policy = Policy(
        "p",
        setters=("Institute of Oncology",),
        platforms=("ab" * 32,),
        strategies=("FedAvg", "FedProx"),
        formats=("table",),
        model_max_bytes=20_000,
        model_max_parameters=50,
        minimum_reports=3,
        maximum_rounds=20,
    )
    PolicyRules([policy]).check(WANTED)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Policy("p", setters=("Other",)), "p allows problems of Other alone; “Institute of Oncol"),
        (Policy("p", platforms=("cd" * 32,)), "p does not allow the platform that made this inv"),
        (Policy("p", strategies=("Krum",)), "p allows Krum alone; this problem's strategy is FedA"),
        (Policy("p", formats=("images",)), "p allows data of kind images alone; this problem ask"),
        (Policy("p", model_max_bytes=19_999), "p allows model files up to 20.0 kB; this one has"),
        (Policy("p", model_max_parameters=49), "p allows models of up to 49 parameters; this one"),
        (Policy("p", minimum_reports=4), "p asks for at least 4 minimum reports in a round; thi"),
        (Policy("p", maximum_rounds=19), "p allows at most 19 rounds; this problem has 20."),
        (Policy("p", share_metrics=ShareMetrics.COARSE), "p allows --share-metrics coarse at mos"),
    ],
)
def test_each_refusal_is_one_sentence(policy: Policy, said: str) -> None:
    message = refusal(policy)
    assert message.startswith(said)
    assert message.count(". ") == 0


def test_a_setter_that_is_not_named_is_no_allowed_one() -> None:
    wanted = replace(WANTED, problem=replace(WANTED.problem, setter=""))
    assert "it names no setter" in refusal(Policy("p", setters=("Other",)), wanted)


def test_all_reasons_are_told_at_once() -> None:
    message = refusal(Policy("p", strategies=("Krum",), maximum_rounds=1))
    assert "strategy" in message
    assert "at most 1 rounds" in message


def test_a_named_policy_only_forbids_more_than_the_machines(tmp_path: Path) -> None:
    (tmp_path / "machine.toml").write_text("maximum_rounds = 5\n")
    (tmp_path / "mine.toml").write_text("maximum_rounds = 1000\n")
    rules = PolicyRules.load(tmp_path / "mine.toml", system=tmp_path / "machine.toml")
    with pytest.raises(PolicyError, match=r"machine\.toml allows at most 5 rounds"):
        rules.check(WANTED)
    assert not PolicyRules.load(None, system=tmp_path / "nowhere").policies


def test_too_few_examples() -> None:
    rules = PolicyRules([Policy("p", minimum_examples=100)])
    rules.check_examples(100)
    with pytest.raises(PolicyError, match="at least 100 examples to take part with; there are 99"):
        rules.check_examples(99)


def test_apps() -> None:
    PolicyRules([Policy("p")]).check_app()
    with pytest.raises(PolicyError, match="p allows no Flower app"):
        PolicyRules([Policy("p", apps=False)]).check_app()
    with pytest.raises(PolicyError, match="it demands noise"):
        PolicyRules([Policy("p", noise=NoiseRule(1.0, 1.0))]).check_app()


def test_the_strictest_noise_wins() -> None:
    rules = PolicyRules(
        [
            Policy("p", noise=NoiseRule(1.0, 0.5, delta=1e-6)),
            Policy("q", noise=NoiseRule(2.0, 1.5, epsilon_max=8.0)),
        ]
    )
    assert rules.noise(None) == PrivacyRules(1.0, 1.5, 1e-6)
    assert rules.noise(PrivacyRules(0.1, 0.1, 1e-5)) == PrivacyRules(0.1, 1.5, 1e-6)
    assert rules.epsilon_max == 8.0
    assert PolicyRules().noise(None) is None
    demanded = PrivacyRules(0.1, 0.1, 1e-5)
    assert PolicyRules().noise(demanded) == demanded


def test_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text(
        'setters = ["A"]\nplatforms = ["AB:CD"]\nshare_metrics = "none"\napps = false\n'
        "minimum_examples = 7\n[noise]\nclipping_norm = 1\nnoise_multiplier = 2\n"
    )
    assert read_policy(path) == Policy(
        str(path),
        setters=("A",),
        platforms=("abcd",),
        minimum_examples=7,
        share_metrics=ShareMetrics.NONE,
        apps=False,
        noise=NoiseRule(1.0, 2.0),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('strategy = ["FedAvg"]', 'strategy: is unknown; did you mean "strategies"?'),
        ('strategies = ["FedAvgg"]', 'did you mean "FedAvg"?'),
        ("maximum_rounds = -1", "maximum_rounds: must be a whole number from 0"),
        ("setters = []", "setters: lists nothing"),
        ("noise = 1", "[noise]: must be a section"),
        ("[noise]\nclipping_norm = 1", "[noise] noise_multiplier: is missing"),
        ("maximum_rounds", "is not TOML"),
    ],
)
def test_a_policy_that_is_not_understood_stops_everything(
    tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(UsageError) as refused:
        read_policy(tmp_path / "policy.toml")
    assert said in refused.value.public_message


def test_a_policy_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing runs until it can"):
        PolicyRules.load(tmp_path / "nowhere.toml", system=tmp_path / "none.toml")
