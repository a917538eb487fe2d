"""What personalization starts from: the problem, a completed round's model, the published one."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from fedota_client.connection import SelectorLink
from fedota_client.dialing import Dialer
from fedota_client.home import ClientHome
from fedota_client.progress import Display
from fedota_client.settings import ClientSettings
from fedota_proto.errors import FolderError, UsageError
from fedota_proto.units import size_words
from fedota_proto.v1 import fl_round_pb2 as pb


@dataclass(frozen=True, slots=True)
class Fetched:
    """Files in a folder of the caller's.

    Parameters
    ----------
    problem_id, server_round
        The problem, and the round whose model `shared` is.
    problem, manifest
        problem.toml and the manifest.
    shared, initial
        The round's model, and the problem's as it was published.
    """

    problem_id: str
    server_round: int
    problem: Path
    manifest: Path
    shared: Path
    initial: Path


async def fetch_models(
    dialer: Dialer,
    home: ClientHome,
    settings: ClientSettings,
    display: Display,
    folder: Path,
    server_round: int = 0,
) -> Fetched:
    """Fetch the problem and its models.

    Parameters
    ----------
    dialer
        Reaches a selector or the webserver.
    home
        Of the membership; the published model is taken from there if it is there.
    settings
        Bounds the models' size.
    display
        Shows what is fetched.
    folder
        Where to.
    server_round
        A completed round; 0: the newest.

    Raises
    ------
    UsageError
        No round is completed yet, or not this one.
    FedotaError
        The platform refuses this client, or was never reached.
    """

    async def at(link: SelectorLink) -> Fetched:
        description = await link.describe()
        newest = description.completed_round
        if not newest:
            raise UsageError("No round is completed yet: there is no shared model to tune.")
        if server_round > newest:
            raise UsageError(f"Round {server_round} is not completed yet; the newest is {newest}.")
        wanted = server_round or newest
        fetched = Fetched(
            description.problem_id,
            wanted,
            folder / "problem.toml",
            folder / "manifest.json",
            folder / "shared.keras",
            folder / "initial.keras",
        )
        _write(fetched.problem, description.problem_toml)
        _write(fetched.manifest, description.manifest_json)
        if not home.enrolled:
            # Files go to enrolled clients alone.
            await link.tell(pb.TellRequest.ENROLLING)
            home.mark_enrolled()
        size = size_words(description.model_size_bytes)
        display.note(f"Fetching the shared model of round {wanted} ({size}) from {link.address}.")
        await link.fetch(
            pb.FetchRequest(server_round=wanted),
            fetched.shared,
            max_bytes=settings.model_max_bytes,
        )
        if _sha256(home.model_file) == description.model_sha256:
            _copy(home.model_file, fetched.initial)
        else:
            await link.fetch(
                pb.FetchRequest(model_file=True),
                fetched.initial,
                max_bytes=settings.model_max_bytes,
            )
        return fetched

    return await dialer.once(at)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FolderError(
            f"{path} cannot be written ({error.strerror}): check free space."
        ) from error


def _copy(path: Path, to: Path) -> None:
    try:
        shutil.copyfile(path, to)
    except OSError as error:
        raise FolderError(
            f"{to} cannot be written ({error.strerror}): check free space."
        ) from error


def _sha256(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b""
