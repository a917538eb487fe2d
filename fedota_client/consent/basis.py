"""What a consent rests on, as hashes: when one of them changes, it is asked for again."""

from __future__ import annotations

import hashlib
import json
import tomllib
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fedota_proto.errors import ModelFileError
from fedota_proto.model_archive import CONFIG

_RULES = ("strategy", "rounds", "training", "privacy")
_WORDS = {
    "model": "the model's configuration",
    "data": "the data format",
    "rules": "strategy, round rules, training or noise",
    "choices": "your own options",
}


@dataclass(frozen=True, slots=True)
class Basis:
    """SHA-256 hashes in hex, empty where there is no such thing (a Flower app has no model).

    Parameters
    ----------
    model
        Of the model's config.json: its layers, loss, metrics and optimizer.
    data
        Of ``[data]``.
    rules
        Of ``[strategy]``, ``[rounds]``, ``[training]`` and ``[privacy]``.
    choices
        Of what the holder chose: data folder, rounds, evaluation, how metrics are shared.
    """

    model: str = ""
    data: str = ""
    rules: str = ""
    choices: str = ""

    def fields(self) -> dict[str, str]:
        """Write it as JSON fields."""
        return asdict(self)

    @classmethod
    def from_fields(cls, fields: object) -> Basis | None:
        """Read what `fields` wrote; None if it is something else."""
        if not isinstance(fields, dict) or set(fields) != set(_WORDS):
            return None
        return cls(**{name: str(value) for name, value in fields.items()})

    def changed(self, before: Basis) -> list[str]:
        """Name in words what is not as it was."""
        mine, theirs = asdict(self), asdict(before)
        return [words for name, words in _WORDS.items() if mine[name] != theirs[name]]


def problem_basis(problem_toml: str, model_file: Path, choices: Mapping[str, Any]) -> Basis:
    """Hash what a published problem's consent rests on.

    Parameters
    ----------
    problem_toml
        As it came; parsed before.
    model_file
        The ``.keras`` file; walked before.
    choices
        The holder's, as JSON values.

    Raises
    ------
    ModelFileError
        The model's configuration cannot be read.
    """
    document = tomllib.loads(problem_toml)
    try:
        with zipfile.ZipFile(model_file) as archive:
            config = archive.read(CONFIG)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ModelFileError(f"{model_file} cannot be read: run the command again.") from error
    return Basis(
        model=hashlib.sha256(config).hexdigest(),
        data=hashed(document.get("data")),
        rules=hashed({name: document.get(name) for name in _RULES}),
        choices=hashed(choices),
    )


def hashed(value: Any) -> str:
    """Return the SHA-256 of a value of TOML or JSON, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
