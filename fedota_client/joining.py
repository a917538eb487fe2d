"""What comes before the first check-in: the problem's description and its model, and the terms."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from fedota_client.connection import SelectorLink
from fedota_client.consent import Basis, Choices, Terms, keras_terms, problem_basis
from fedota_client.dialing import OVER, Dialer
from fedota_client.home import ClientHome
from fedota_client.policy.rules import PolicyRules, Wanted, platform_sha256
from fedota_client.progress import Display
from fedota_client.settings import ClientSettings
from fedota_client.whole_file import whole_file
from fedota_proto.errors import FolderError, ModelFileError
from fedota_proto.invite import Invite
from fedota_proto.manifest import Manifest
from fedota_proto.model_file import ModelSummary, check_model_file
from fedota_proto.privacy_rules import PrivacyRules
from fedota_proto.problem import Problem, parse_problem
from fedota_proto.units import size_words
from fedota_proto.v1 import fl_round_pb2 as pb


async def fetch_problem(
    dialer: Dialer, home: ClientHome, settings: ClientSettings, display: Display
) -> pb.DescribeReply:
    """Learn what the problem is and put its files into the client's folder.

    The model's file is not fetched again while it is there with the right hash, nor at all once
    the problem is completed.

    Parameters
    ----------
    dialer
        Reaches a selector (or the webserver).
    home
        The client's folder.
    settings
        Bounds the model's size.
    display
        Shows the download.

    Returns
    -------
    pb.DescribeReply
        As it came.

    Raises
    ------
    FedotaError
        The platform refuses this client, was never reached, or sent something unusable.
    """

    async def at(link: SelectorLink) -> pb.DescribeReply:
        description = await link.describe()
        # Selectors may be elsewhere than when the invite was made, and the webserver enrols nobody.
        dialer.route.learned((one.address, one.server_name) for one in description.selectors)
        _write(home.problem_file, description.problem_toml)
        _write(home.manifest_file, description.manifest_json)
        if description.state not in OVER:
            await _fetch_model(link, description, home, settings, display)
        return description

    return await dialer.once(at)


async def _fetch_model(
    link: SelectorLink,
    description: pb.DescribeReply,
    home: ClientHome,
    settings: ClientSettings,
    display: Display,
) -> None:
    wanted = description.model_sha256.hex()
    if home.model_file.exists() and _sha256(home.model_file) == wanted:
        return
    size = size_words(description.model_size_bytes)
    display.note(f"Fetching the model's file ({size}) from {link.address}.")
    if not home.enrolled:
        # Files go to enrolled clients alone.
        await link.tell(pb.TellRequest.ENROLLING)
        home.mark_enrolled()
    came = await link.fetch(
        pb.FetchRequest(model_file=True), home.model_file, max_bytes=settings.model_max_bytes
    )
    if came != wanted:
        home.model_file.unlink()
        raise ModelFileError(
            "The model's file that came is not the one that the problem describes: ask the "
            "problem's setter."
        )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What is ready to be agreed to.

    Parameters
    ----------
    problem, manifest
        As they came.
    terms, basis
        To be agreed to, and what they rest on.
    noise
        That every update gets; None for none.
    """

    problem: Problem
    manifest: Manifest
    terms: Terms
    basis: Basis
    noise: PrivacyRules | None


def prepare(invite: Invite, home: ClientHome, policies: PolicyRules, choices: Choices) -> Prepared:
    """Walk the model's file, judge it by the policies, and write down what will run and leave.

    Parameters
    ----------
    invite, home
        Of the membership; the problem's files have been fetched.
    policies
        Of this machine.
    choices
        The holder's; the noise is what problem and policies demand.

    Raises
    ------
    ProblemFileError, ModelFileError
        The problem or its model is not what this client runs.
    PolicyError
        A policy forbids it.
    UsageError
        The strategy needs what the holder keeps back.
    """
    text = home.problem_file.read_text(encoding="utf-8")
    problem = parse_problem(text)
    manifest = Manifest.from_json(home.manifest_file.read_text(encoding="utf-8"))
    summary = check_model_file(home.model_file)
    _compare(manifest, summary)
    choices.share.check(problem.strategy.spec)
    model_bytes = home.model_file.stat().st_size
    policies.check(
        Wanted(problem, manifest, model_bytes, platform_sha256(invite.ca_pem), choices.share)
    )
    choices = replace(choices, noise=policies.noise(problem.privacy))
    terms = keras_terms(
        invite,
        problem,
        manifest,
        choices,
        layers=summary.layers,
        model_sha256=_sha256(home.model_file),
        model_bytes=model_bytes,
    )
    basis = problem_basis(text, home.model_file, choices.fields())
    return Prepared(problem, manifest, terms, basis, choices.noise)


def _compare(manifest: Manifest, summary: ModelSummary) -> None:
    """Refuse a manifest that says other arrays leave than the model has."""
    declared = {(array.name, array.dtype, array.shape) for array in manifest.arrays}
    stored = {(array.name, array.dtype, tuple(array.shape)) for array in summary.arrays}
    if declared != stored:
        name = min(entry[0] for entry in declared ^ stored)
        raise ModelFileError(
            f"The problem's manifest does not fit its model (array {name}): ask the problem's "
            "setter to check the problem and serve it again.",
            place=name,
        )


def _write(path: Path, text: str) -> None:
    try:
        with whole_file(path) as beside:
            beside.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written ({error.strerror}): check its owner and free space."
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
