"""All policies that hold on this machine, applied together: each of them must agree."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fedota_client.policy.policy import NoiseRule, Policy, read_policy
from fedota_client.shared_metrics import ShareMetrics
from fedota_proto.errors import PolicyError, UsageError
from fedota_proto.manifest import Manifest
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem import Problem
from fedota_proto.units import size_words

SYSTEM_POLICY = Path("/etc/fedota/policy.toml")
_SHARE_ORDER = (ShareMetrics.NONE, ShareMetrics.COARSE, ShareMetrics.EXACT)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is about to run, as a policy judges it.

    Parameters
    ----------
    problem, manifest
        As they came.
    model_bytes
        Of the model's file.
    platform
        `platform_sha256` of the invite.
    share
        How exactly metrics are to be told.
    """

    problem: Problem
    manifest: Manifest
    model_bytes: int
    platform: str
    share: ShareMetrics


class PolicyRules:
    """The policies of this machine; without any, everything is allowed.

    Parameters
    ----------
    policies
        Each must agree.
    """

    def __init__(self, policies: Sequence[Policy] = ()) -> None:
        self.policies = tuple(policies)

    @classmethod
    def load(cls, given: Path | None = None, system: Path | None = None) -> PolicyRules:
        """Read the machine's policy, if there is one, and the one that is named beside it.

        Parameters
        ----------
        given
            From ``--policy`` or the settings; it can only forbid more than the machine's.
        system
            The machine's; None: `SYSTEM_POLICY`.

        Raises
        ------
        UsageError
            A policy is there and cannot be read, or has mistakes.
        """
        paths = [system or SYSTEM_POLICY] if (system or SYSTEM_POLICY).exists() else []
        if given is not None:
            paths.append(given.expanduser())
        return cls([read_policy(path) for path in paths])

    def check(self, wanted: Wanted) -> None:
        """Refuse what a policy forbids, before anything runs.

        Raises
        ------
        PolicyError
            With one sentence for each reason.
        """
        _raise([said for policy in self.policies for said in _refusals(policy, wanted)])

    def check_app(self) -> None:
        """Refuse a Flower app where a policy forbids apps.

        Raises
        ------
        PolicyError
            It does; a policy that demands noise forbids them too, since an app's replies leave
            unread.
        """
        _raise(
            [
                f"{policy.source} allows no Flower app"
                + ("." if not policy.apps else ": it demands noise, which no app's reply gets.")
                for policy in self.policies
                if not policy.apps or policy.noise is not None
            ]
        )

    def check_examples(self, examples: int) -> None:
        """Refuse to take part with too few examples.

        Raises
        ------
        PolicyError
            There are fewer than a policy asks for.
        """
        _raise(
            [
                f"{policy.source} asks for at least {policy.minimum_examples} examples to take "
                f"part with; there are {examples} here."
                for policy in self.policies
                if examples < policy.minimum_examples
            ]
        )

    @property
    def epsilon_max(self) -> float:
        """The most that all updates of a membership may cost; 0: no bound."""
        bounds = [rule.epsilon_max for rule in self._noise_rules() if rule.epsilon_max]
        return min(bounds, default=0.0)

    def noise(self, demanded: PrivacyRules | None) -> PrivacyRules | None:
        """Return the noise that satisfies the problem and every policy; None: none is demanded.

        Parameters
        ----------
        demanded
            By the problem.
        """
        rules: list[PrivacyRules | NoiseRule] = [*self._noise_rules()]
        if demanded is not None:
            rules.append(demanded)
        if not rules:
            return None
        return PrivacyRules(
            clipping_norm=min(rule.clipping_norm for rule in rules),
            noise_multiplier=max(rule.noise_multiplier for rule in rules),
            delta=min(rule.delta for rule in rules),
        )

    def _noise_rules(self) -> list[NoiseRule]:
        return [policy.noise for policy in self.policies if policy.noise is not None]


def platform_sha256(ca_pem: str) -> str:
    """Return the SHA-256 of a platform's CA certificate, in hex.

    Raises
    ------
    UsageError
        There is no certificate.
    """
    try:
        certificate = x509.load_pem_x509_certificate(ca_pem.encode())
    except ValueError:
        raise UsageError("The invite holds no CA certificate: ask for a new one.") from None
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _raise(refusals: list[str]) -> None:
    if refusals:
        raise PolicyError(" ".join(refusals))


def _refusals(policy: Policy, wanted: Wanted) -> list[str]:
    problem, source = wanted.problem, policy.source
    rounds = problem.rounds
    parameters = sum(math.prod(array.shape) for array in wanted.manifest.arrays)
    said = []
    if policy.setters and problem.setter not in policy.setters:
        who = f"“{problem.setter}” is none of them" if problem.setter else "it names no setter"
        said.append(f"{source} allows problems of {_listed(policy.setters)} alone; {who}.")
    if policy.platforms and wanted.platform not in policy.platforms:
        said.append(
            f"{source} does not allow the platform that made this invite (its CA is "
            f"{wanted.platform})."
        )
    if policy.strategies and problem.strategy.name not in policy.strategies:
        said.append(
            f"{source} allows {_listed(policy.strategies)} alone; this problem's strategy is "
            f"{problem.strategy.name}."
        )
    if policy.formats and problem.data.kind not in policy.formats:
        said.append(
            f"{source} allows data of kind {_listed(policy.formats)} alone; this problem asks for "
            f"{problem.data.kind}."
        )
    if policy.model_max_bytes and wanted.model_bytes > policy.model_max_bytes:
        said.append(
            f"{source} allows model files up to {size_words(policy.model_max_bytes)}; this one has "
            f"{size_words(wanted.model_bytes)}."
        )
    if policy.model_max_parameters and parameters > policy.model_max_parameters:
        said.append(
            f"{source} allows models of up to {policy.model_max_parameters} parameters; this one "
            f"has {parameters}."
        )
    if rounds.minimum_reports < policy.minimum_reports:
        said.append(
            f"{source} asks for at least {policy.minimum_reports} minimum reports in a round; this "
            f"problem has {rounds.minimum_reports}."
        )
    if policy.maximum_rounds and rounds.rounds > policy.maximum_rounds:
        said.append(
            f"{source} allows at most {policy.maximum_rounds} rounds; this problem has "
            f"{rounds.rounds}."
        )
    if _SHARE_ORDER.index(wanted.share) > _SHARE_ORDER.index(policy.share_metrics):
        said.append(
            f"{source} allows --share-metrics {policy.share_metrics} at most, not {wanted.share}."
        )
    return said


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
