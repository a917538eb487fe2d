"""The image of one problem."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass

from fedota_server.problem_image.client_archive import ClientArchive, Layer
from fedota_server.problem_image.image_archive import ImageArchive
from fedota_server.problem_image.pieces import Piece

# Where the client looks, as FEDOTA_CLIENT_PROBLEM of its image says.
FOLDER = "opt/fedota/problem"
LABEL = "io.fedota.problem"
_EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class ProblemFacts:
    """What the layer tells a client.

    Parameters
    ----------
    problem_id, title
        The problem's.
    selectors
        Pairs of address and server name.
    webserver
        Address of the webserver's fl_round service, or empty.
    format_toml
        The data format, as a holder downloads it.
    """

    problem_id: str
    title: str
    selectors: tuple[tuple[str, str], ...]
    webserver: str
    format_toml: str


def problem_layer(facts: ProblemFacts) -> bytes:
    """Make the layer, a tar archive of some kilobytes; the same facts make the same bytes."""
    about = {
        "problem_id": facts.problem_id,
        "title": facts.title,
        "selectors": [list(one) for one in facts.selectors],
        "webserver": facts.webserver,
    }
    files = {
        "format.toml": facts.format_toml.encode(),
        "problem.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode(),
    }
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        folder = tarfile.TarInfo(FOLDER)
        folder.type = tarfile.DIRTYPE
        folder.mode = 0o755
        archive.addfile(folder)
        for name, data in files.items():
            member = tarfile.TarInfo(f"{FOLDER}/{name}")
            member.size, member.mode = len(data), 0o644
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def image_name(problem_id: str) -> str:
    """Name the image of a problem below its maker's."""
    return f"client-{problem_id}"


def image_tag(problem_id: str) -> str:
    """Name the image of a problem, as an engine shows it."""
    return f"fedota/{image_name(problem_id)}:latest"


def problem_image(client: ClientArchive, facts: ProblemFacts) -> ImageArchive:
    """Put the layer on top of the client's image."""
    data = problem_layer(facts)
    sha256 = hashlib.sha256(data).hexdigest()
    config = copy.deepcopy(client.config)
    config["rootfs"]["diff_ids"].append(f"sha256:{sha256}")
    config.setdefault("history", []).append(
        {"created": _EPOCH, "created_by": "fedota problem image", "comment": facts.problem_id}
    )
    labels = config.setdefault("config", {}).get("Labels") or {}
    config["config"]["Labels"] = {**labels, LABEL: facts.problem_id}
    layer = Layer(Piece.of(data), sha256, compressed=False)
    return ImageArchive((*client.layers, layer), config, image_tag(facts.problem_id))
