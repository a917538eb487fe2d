"""The job ``inspect``: from a model to its manifest and its first arrays."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from fedota_client.jobs.files import write_arrays, write_json, write_text
from fedota_client.jobs.loading import load_model
from fedota_proto.errors import ModelFileError
from fedota_proto.model_file import read_weights

MANIFEST_FILE = "manifest.json"
INITIAL_FILE = "initial.safetensors"
LAYERS_FILE = "layers.json"


def main(arguments: Sequence[str]) -> int:
    """Run ``inspect --model M.keras --out DIR``.

    Parameters
    ----------
    arguments
        The command line.

    Returns
    -------
    int
        0.

    Raises
    ------
    FedotaError
        The model is refused, or the folder cannot be written.
    """
    parser = argparse.ArgumentParser(prog="fedota-client job inspect", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="a .keras file")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=f"folder for {MANIFEST_FILE}, {INITIAL_FILE} and {LAYERS_FILE}",
    )
    given = parser.parse_args(arguments)
    inspect_model(given.model, given.out)
    return 0


def inspect_model(model: Path, out: Path) -> None:
    """Write manifest.json, initial.safetensors and, for people, layers.json of a model.

    Parameters
    ----------
    model
        A ``.keras`` file; hostile until it has been walked.
    out
        The folder.

    Raises
    ------
    ModelFileError
        If the model is refused, or what Keras loads is not what the file holds.
    FolderError
        If the folder cannot be written.
    """
    loaded = load_model(model)
    manifest = loaded.manifest()
    stored = read_weights(model)
    if stored.keys() != set(manifest.names):
        odd = min(stored.keys() ^ set(manifest.names))
        raise ModelFileError(
            f"{model.name} holds its weights in a way that cannot be federated: {odd} is only in "
            "the file or only in the loaded model. Build the model of plain layers and save it "
            "again.",
            place=odd,
        )
    write_arrays(out / INITIAL_FILE, loaded.arrays())
    write_json(out / LAYERS_FILE, {"layers": loaded.layers()})
    write_text(out / MANIFEST_FILE, manifest.to_json() + "\n")
