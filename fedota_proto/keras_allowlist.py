"""What a model's configuration may name, read from keras_allowlist.toml; knows no Keras."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Allowlist:
    """Classes and texts that a walk of config.json lets pass.

    Parameters
    ----------
    classes
        Class names by the module that config.json names.
    names
        Texts that Keras looks up as its own objects, by kind (``activations``, ``losses`` …).
    named_by
        Key, or ``*`` and the end of a key, to the kind in `names`.
    words
        Key to the few words that may stand there.
    texts, formulas, lists_of_texts
        Keys whose text is data.
    size_keys
        Keys whose number is the size of something that Keras allocates.
    """

    classes: Mapping[str, frozenset[str]]
    names: Mapping[str, frozenset[str]]
    named_by: Mapping[str, str]
    words: Mapping[str, frozenset[str]]
    texts: frozenset[str]
    formulas: frozenset[str]
    lists_of_texts: frozenset[str]
    size_keys: frozenset[str]

    def names_at(self, key: str) -> frozenset[str] | None:
        """Return the words that may stand at `key`, None if none are listed for it."""
        if key in self.words:
            return self.words[key]
        kind = self.named_by.get(key)
        if kind is None and "_" in key:
            kind = self.named_by.get("*_" + key.rpartition("_")[2])
        return None if kind is None else self.names[kind]

    def all_words(self) -> frozenset[str]:
        """Return every word that may stand at some key (for positional arguments)."""
        return frozenset().union(*self.words.values(), *self.names.values())


@cache
def allowlist() -> Allowlist:
    """Return the committed allowlist.

    Returns
    -------
    Allowlist
        The same object every time.
    """
    text = files("fedota_proto").joinpath("keras_allowlist.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    return Allowlist(
        classes=_sets(table["classes"]),
        names=_sets(table["names"]),
        named_by=table["named_by"],
        words=_sets(table["words"]),
        texts=frozenset(table["data"]["texts"]),
        formulas=frozenset(table["data"]["formulas"]),
        lists_of_texts=frozenset(table["data"]["lists_of_texts"]),
        size_keys=frozenset(table["sizes"]["keys"]),
    )


def _sets(table: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    return {key: frozenset(values) for key, values in table.items()}
